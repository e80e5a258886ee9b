import { createHistogram, PerformanceObserver } from 'node:perf_hooks';
import type { Pauses } from './protocol.ts';

/**
 * Measures what keeps the guard's thread from the next thing to do. Node's own monitorEventLoopDelay either wakes up
 * every few milliseconds or takes waiting for delay (samplePerIteration), so the work itself is timed.
 */
export class PauseMeter {
  readonly #turns = createHistogram(); // microseconds
  #latestTimer = 0;
  #longestCollection = 0;
  readonly #observer: PerformanceObserver;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries())
        this.#longestCollection = Math.max(this.#longestCollection, duration);
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** Does something, and times it. */
  turn(work: () => void): void {
    const start = performance.now();
    try {
      work();
    } finally {
      this.#turns.record(Math.max(1, Math.round((performance.now() - start) * 1000)));
    }
  }

  /** As setTimeout, and times how late it is. @returns what calls it off */
  after(milliseconds: number, call: () => void): () => void {
    const due = performance.now() + milliseconds;
    const timer = setTimeout(() => {
      this.#latestTimer = Math.max(this.#latestTimer, performance.now() - due);
      this.turn(call);
    }, milliseconds);
    return () => clearTimeout(timer);
  }

  /** What was measured since the last time. */
  read(): Pauses {
    const pauses: Pauses = {
      turns: this.#turns.count,
      longestTurn: this.#turns.count === 0 ? 0 : this.#turns.max / 1000,
      p99Turn: this.#turns.count === 0 ? 0 : this.#turns.percentile(99) / 1000,
      latestTimer: this.#latestTimer,
      longestCollection: this.#longestCollection,
      heap: process.memoryUsage().heapUsed,
    };
    this.#turns.reset();
    this.#latestTimer = 0;
    this.#longestCollection = 0;
    return pauses;
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
