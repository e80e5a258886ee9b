/** Readers with each of the faults that fuzzing is to find. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Target } from '../target.ts';

const corpus = (): readonly Buffer[] => [Buffer.from('1')];

export const target: Target = {
  readers: {
    throws: {
      corpus,
      read: () => {
        throw new RangeError('out of bounds');
      },
    },
    'takes long': {
      corpus,
      read: () => {
        const begun = process.threadCpuUsage();
        for (let spent = 0; spent < 2_100_000; ) {
          const { user, system } = process.threadCpuUsage(begun);
          spent = user + system;
        }
        return 'accepted';
      },
    },
    'never ends': {
      corpus,
      read: () => {
        for (let number = 0; ; number++) if (number < 0) return 'accepted';
      },
    },
    'waits for ever': { corpus, read: () => wait(2 ** 30, 'accepted') },
    grows: {
      corpus,
      read: () => {
        const all: unknown[] = [];
        for (;;) all.push({ all });
      },
    },
    'ends everything': { corpus, read: () => process.exit() },
  },
};
