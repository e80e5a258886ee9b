import { afterEach, expect, test, vi } from 'vitest';
import { OwnChanges } from '../../src/daemon/own-changes.ts';

afterEach(() => void vi.useRealTimers());

test('commands that ended some time ago are forgotten, though nobody asks whose a change is', async () => {
  using own = new OwnChanges();
  const run = async () => void (await own.commands.run('true', []));
  for (let at = 0; at < 5; at++) await run();
  expect(own.remembered).toBe(5);
  vi.useFakeTimers({ toFake: ['performance'], now: performance.now() });
  vi.advanceTimersByTime(120_000);
  await run();
  expect(own.remembered).toBe(1);
});
