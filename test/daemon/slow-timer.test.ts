import { afterEach, expect, test, vi } from 'vitest';
import { calm, DaemonHost, wait } from './host.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** Milliseconds. */
const minute = 60_000;

test('what nobody told of is looked for once a minute, and every tenth time all is asked anew', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const host = new DaemonHost();
  const asked: ('all' | 'what may have changed')[] = [];
  host.mirror = () => ({
    note() {},
    lookFor() {},
    late: new Set(),
    forget: () => void asked.push('all'),
    recheck: () => void asked.push('what may have changed'),
    readWorld: async () => {
      host.readings++;
      return host.world;
    },
  });
  const daemon = await host.start();
  await calm(host);
  const { readings } = host;
  expect((await daemon.status()).workloads).not.toEqual([]);
  // and nobody says so
  host.world = { ...host.world, containers: [] };
  vi.advanceTimersByTime(minute - 1);
  await wait(50);
  expect({ asked, readings: host.readings }).toEqual({ asked: [], readings });
  vi.advanceTimersByTime(1);
  await calm(host);
  expect(host.readings).toBeGreaterThan(readings);
  expect((await daemon.status()).workloads).toEqual([]);
  for (let more = 1; more < 20; more++) vi.advanceTimersByTime(minute);
  const often = 'what may have changed';
  const ten = [...Array.from({ length: 9 }, () => often), 'all'];
  expect(asked).toEqual([...ten, ...ten]);
  await daemon.stop();
});
