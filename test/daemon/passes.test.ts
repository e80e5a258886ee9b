import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Passes } from '../../src/daemon/passes.ts';

/** Passes that last until they are told how they ended, or, where `lasts` is given, that many milliseconds. */
function passes(lasts: number | null = null) {
  const begun: number[] = [];
  let done: (how: 'done' | 'again later') => void = () => {};
  const all = new Passes(() => {
    begun.push(performance.now());
    return new Promise((resolve) => {
      done = resolve;
      if (lasts !== null) setTimeout(() => resolve('done'), lasts);
    });
  });
  const settle = async (how: 'done' | 'again later') => {
    done(how);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { all, begun, settle };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('one pass at a time, and one more however often it was asked for meanwhile', async () => {
  const { all, begun, settle } = passes();
  for (let time = 0; time < 5; time++) all.wake();
  expect(begun).toHaveLength(1);
  await settle('done');
  expect(begun).toHaveLength(2);
  await settle('done');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toHaveLength(2);
});

test('what a pass takes upon itself is not done once more', async () => {
  const { all, begun, settle } = passes();
  all.wake();
  expect(all.takeWanted()).toBe(false);
  all.wake();
  expect(all.takeWanted()).toBe(true);
  await settle('done');
  expect(begun).toHaveLength(1);
});

test('one that could not be made is made again after a second, or when somebody asks', async () => {
  const { all, begun, settle } = passes();
  all.wake();
  await settle('again later');
  await vi.advanceTimersByTimeAsync(999);
  expect(begun).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toHaveLength(2);
  all.wake();
  await settle('again later');
  expect(begun).toHaveLength(2);
  all.wake();
  expect(begun).toHaveLength(3);
});

test('what is no hurry waits for quiet, but a second at most', async () => {
  const { all, begun } = passes(10);
  all.wakeSoon();
  await vi.advanceTimersByTimeAsync(149);
  expect(begun).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(begun).toEqual([150]);
  await vi.advanceTimersByTimeAsync(850);
  for (let time = 0; time < 15; time++) {
    all.wakeSoon();
    await vi.advanceTimersByTimeAsync(100);
  }
  await vi.advanceTimersByTimeAsync(500);
  expect(begun).toEqual([150, 2_000, 2_400 + 150]);
});

test('what is no hurry asks for no other pass beside one under way, but for one after it', async () => {
  const { all, begun, settle } = passes();
  all.wake();
  all.wakeSoon();
  await vi.advanceTimersByTimeAsync(500);
  await settle('done');
  expect(begun).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(150);
  expect(begun).toHaveLength(2);
});

test('a pass for what is urgent is one for what is not', async () => {
  const { all, begun, settle } = passes();
  all.wakeSoon();
  all.wake();
  await settle('done');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toHaveLength(1);
});

test('its end waits for the pass under way, and none begins afterwards', async () => {
  const { all, begun, settle } = passes();
  all.wake();
  all.wake();
  let ended = false;
  void all.end().then(() => {
    ended = true;
  });
  await vi.advanceTimersByTimeAsync(100);
  expect(ended).toBe(false);
  await settle('again later');
  expect(ended).toBe(true);
  all.wake();
  all.wakeSoon();
  all.wakeLater();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(begun).toHaveLength(1);
});
