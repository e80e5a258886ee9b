import { setTimeout as wait } from 'node:timers/promises';
import { apiBase } from './client.ts';
import type { EngineAddress } from './context.ts';
import { isReadByItsEnds, readEvent, readLongEvent } from './event-message.ts';
import { subscribe } from './subscribe.ts';
import { unixGet } from './transport.ts';

/** Something the engine did. `at` is nanoseconds since the epoch, as the engine says. */
export type EngineEvent =
  | {
      readonly kind: 'container';
      /** `create`, `start`, `die`, `destroy`, `rename`, `update`… */
      readonly action: string;
      readonly container: string;
      readonly at: bigint;
    }
  | {
      readonly kind: 'network';
      /** `create`, `destroy`, `connect`, `disconnect`… */
      readonly action: string;
      readonly network: string;
      /** Whom `connect` and `disconnect` are about. */
      readonly container: string | null;
      readonly at: bigint;
    };

/** How following ended or went on; events are hints, so whoever hears `gap` reads everything again. */
export type EngineNotice =
  | { readonly kind: 'event'; readonly event: EngineEvent }
  /** Connected, after nothing or after an end: subscribe first, then read everything. */
  | { readonly kind: 'connected' }
  /** The stream ended or cannot be opened; it is tried again. Told once for each end, and for each new reason. */
  | { readonly kind: 'gap'; readonly reason: string };

export type OnNotice = (notice: EngineNotice) => void;

export interface Following {
  /** No notice comes after this. */
  stop(): void;
}

const ofContainers = 'create start restart pause unpause stop die rename update destroy';
const ofNetworks = 'create connect disconnect update remove destroy prune';
/**
 * What we want to hear of: not what an engine with health checks says most, which is exec_create, exec_start, exec_die
 * and health_status. Named one by one, because the engine knows no "all but these".
 */
const filters = {
  type: ['container', 'network'],
  event: [...new Set([ofContainers, ofNetworks].flatMap((names) => names.split(' ')))],
};

/** Milliseconds between attempts: a new engine is found soon, and one that is away for long costs little. */
const pauses = { first: 50, growth: 1.5, last: 2_000 } as const;
/** A subscription that held so long was a good one; one that ended sooner is not tried again at once. */
const steady = 5_000; // ms
const headTime = 15_000; // ms
/** Bytes. Labels are in a container's events: many long ones would take the time that others' starts need. */
const longLine = 64 << 10;
const longestLine = 4 << 20;
/** Labels of 70 MB are easily made, and nothing of the middle is held; labels so long no engine bears. */
const endlessLine = 2 ** 31;

/**
 * Follows the engine's events until it is stopped, through every end of the stream and every restart of the engine.
 * Never throws: what goes wrong is told as a gap.
 *
 * Nothing is between a subscription and the reading that follows it: an engine sends the head of its answer before it
 * subscribes us (moby, api/server/router/system, getEvents), so we ask for what happened since we asked. After an end
 * we ask for what happened since the last event, of which an engine keeps 256 in memory.
 */
export function followEvents({ path }: EngineAddress, onNotice: OnNotice): Following {
  const stopping = new AbortController();
  void follow(path, onNotice, stopping.signal);
  return { stop: () => stopping.abort() };
}

async function follow(socketPath: string, onNotice: OnNotice, signal: AbortSignal): Promise<void> {
  const get = unixGet(socketPath);
  let since: bigint | undefined;
  let pause: number = pauses.first;
  let told: string | undefined;
  const attempt = async (): Promise<string> => {
    const base = await apiBase(get);
    since ??= BigInt(Date.now()) * 1_000_000n;
    const query = new URLSearchParams({ since: seconds(since), filters: JSON.stringify(filters) });
    return subscribe({
      socketPath,
      path: `${base}/events?${query.toString()}`,
      time: headTime,
      longLine,
      isReadByItsEnds,
      longestLine,
      endlessLine,
      signal,
      onOpen: () => {
        told = undefined;
        onNotice({ kind: 'connected' });
      },
      onLine: (line) => hear(readEvent(line)),
      onLong: (beginning, end) => hear(readLongEvent(beginning, end)),
    });
  };
  const hear = (event: EngineEvent | null | undefined): boolean => {
    if (event === null) since = undefined; // or it would come again and again
    if (event === undefined || event === null) return event === undefined;
    since = event.at + 1n;
    onNotice({ kind: 'event', event });
    return true;
  };
  while (!signal.aborted) {
    const began = performance.now();
    const reason = await attempt().catch((error: Error) => error.message);
    if (signal.aborted) return;
    if (reason !== told) onNotice({ kind: 'gap', reason });
    told = reason;
    if (performance.now() - began > steady) pause = pauses.first;
    await wait(pause, undefined, { signal }).catch(() => {});
    pause = Math.min(pause * pauses.growth, pauses.last);
  }
}

/** As `since` is written: seconds, and nine digits of nanoseconds. */
function seconds(nanoseconds: bigint): string {
  const digits = nanoseconds.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
