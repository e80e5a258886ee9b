import { closeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { wakeMonitor } from '../../netlink/monitor.ts';
import type { FromGuard, ToGuard } from './protocol.ts';

export interface GuardOptions {
  /** Path of the engine's unix socket. */
  readonly engine: string;
  /** Whether it puts senders into nftables' sets itself; else it only tells who comes and goes. */
  readonly seats: boolean;
}

/** What the thread says, and what of it is nobody's business but ours. */
export type FromThread =
  | FromGuard
  /**
   * The sockets it has open: on its monitors a read waits that would keep the process from ending, and none of them is
   * closed by itself when the thread fails.
   */
  | Descriptors;

interface Descriptors {
  readonly kind: 'descriptors';
  readonly monitors: readonly number[];
  readonly others: readonly number[];
}

export interface RunningGuard {
  post(message: ToGuard): void;
  on(hear: (message: FromGuard) => void): void;
  /** Resolves when the thread is gone. */
  stop(): Promise<void>;
}

/**
 * Megabytes. The heap is small so that collecting it is short: a thousand seats are some 5 MB, and an answer of the engine
 * at most 2.
 */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 2 };
const slowestStop = 3_000;
/** Milliseconds within which a living guard answers `measure`. */
const slowestAnswer = 5_000;

/** Beside the program when it is built (scripts/build.ts), beside this file when it runs from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './guard-thread.ts' : './guard.js', import.meta.url);

/**
 * Starts the guard's thread. `ready` tells when it listens, `broken` that it has ended by itself. Whoever runs it posts
 * `measure` now and then: one that is not answered within seconds ends the thread at the next.
 */
export function startGuard(options: GuardOptions): RunningGuard {
  const worker = new Worker(entry, {
    name: 'guard',
    workerData: options,
    resourceLimits,
    trackUnmanagedFds: false, // its sockets are not opened by Node
  });
  const ears: ((message: FromGuard) => void)[] = [];
  let open: Omit<Descriptors, 'kind'> = { monitors: [], others: [] };
  let stopping = false;
  const say = (message: FromGuard) => {
    for (const hear of ears) hear(message);
  };
  const wake = () => {
    for (const fd of open.monitors) wakeMonitor(fd);
  };
  process.on('exit', wake);
  let measuring: number | null = null;
  // a thread that ran out of memory waits for its own reads for ever, and no event tells
  const checkLife = () => {
    const now = performance.now();
    if (measuring !== null && now - measuring > slowestAnswer) wake();
    measuring ??= now;
  };
  worker.on('message', (message: FromThread) => {
    if (message.kind === 'descriptors') open = message;
    else {
      if (message.kind === 'pauses') measuring = null;
      if (message.kind === 'broken') stopping = true; // it ends by itself, which is no news then
      say(message);
    }
  });
  worker.on('error', (error: Error) => {
    stopping = true;
    wake();
    say({ kind: 'broken', reason: error.message });
  });
  const gone = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      for (const fd of [...open.monitors, ...open.others]) closeSync(fd);
      process.off('exit', wake);
      if (!stopping) say({ kind: 'broken', reason: 'the thread ended' });
      resolve();
    });
  });
  return {
    post: (message) => {
      if (message.kind === 'measure') checkLife();
      worker.postMessage(message);
    },
    on: (hear) => {
      ears.push(hear);
    },
    stop: async () => {
      stopping = true;
      worker.postMessage({ kind: 'stop' } satisfies ToGuard);
      const timer = setTimeout(() => {
        wake();
        void worker.terminate();
      }, slowestStop);
      await gone;
      clearTimeout(timer);
    },
  };
}
