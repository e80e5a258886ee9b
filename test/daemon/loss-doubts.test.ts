import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LossDoubts } from '../../src/daemon/loss-doubts.ts';

const minute = 60_000;

describe('what stands, where the kernel could not tell of every change', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('is doubted at once', () => {
    const doubt = vi.fn<() => void>();
    new LossDoubts(doubt).lost();
    expect(doubt).toHaveBeenCalledTimes(1);
  });

  test('is doubted again, a minute after, however soon and often the next loss came', () => {
    const doubt = vi.fn<() => void>();
    const losses = new LossDoubts(doubt);
    for (let loss = 0; loss < 5; loss++) losses.lost();
    vi.advanceTimersByTime(minute - 1);
    expect(doubt).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(doubt).toHaveBeenCalledTimes(2);
    vi.advanceTimersByTime(60 * minute);
    expect(doubt).toHaveBeenCalledTimes(2);
  });

  test('is doubted ever more seldom where each doubt is followed by a loss, but is at last, and at once after a calm', () => {
    const at: number[] = [];
    const began = performance.now();
    const losses: LossDoubts = new LossDoubts(() => {
      at.push(Math.round((performance.now() - began) / minute));
      if (at.length < 9) setTimeout(() => losses.lost(), 1_000);
    });
    losses.lost();
    vi.advanceTimersByTime(300 * minute);
    expect(at).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121]);
    losses.lost();
    expect(at).toHaveLength(10);
    losses.lost();
    vi.advanceTimersByTime(minute);
    expect(at).toHaveLength(11);
  });

  test('is doubted no more at the end', () => {
    const doubt = vi.fn<() => void>();
    const losses = new LossDoubts(doubt);
    losses.lost();
    losses.lost();
    losses.end();
    vi.advanceTimersByTime(60 * minute);
    expect(doubt).toHaveBeenCalledTimes(1);
  });
});
