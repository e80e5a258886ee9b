/** What is sent while something happens, counted from before it until after it: a look afterwards misses a gap. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observer } from '../../lab/observer.ts';
import type { Site } from '../../lab/site.ts';
import type { Sighting } from './row.ts';

/** A steady sender of datagrams, each from a port of its own. */
export interface Course {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** Beyond the last hook, where it would arrive. */
  readonly at: Observer;
}

/** Datagrams a second of each course: a gap of some thousandths of a second shows. */
const rate = 500;

/** Sends on all courses until `happens` is done and a while longer; `note` is behind their names. */
export async function meanwhile(
  { host }: Site,
  courses: readonly Course[],
  note: string,
  happens: () => Promise<unknown>,
): Promise<readonly Sighting[]> {
  const streams = await Promise.all(
    courses.map(({ from, to, port }) =>
      host.stream(from, { proto: 'udp', to, port, rate, fresh: true, outside: true }),
    ),
  );
  await sleep(300);
  await happens();
  await sleep(500);
  return Promise.all(
    courses.map(async ({ from, to, port, at }, index): Promise<Sighting> => {
      const stream = streams[index] as (typeof streams)[number];
      const { sent } = await stream.stop();
      if (sent === 0) throw new Error(`${from} has sent nothing to ${to}`);
      return { what: `${from} → ${to}:${port}/udp, ${note}`, at: counted(at, await at.seen(stream.token), sent) };
    }),
  );
}

/** `private (18 of 2040 within 34 ms)`; nobody when there are none. */
function counted({ name }: Observer, seen: readonly { readonly t: number }[], sent: number): readonly string[] {
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [`${name} (${seen.length} of ${sent} within ${Math.ceil((last.t - first.t) / 1000)} ms)`];
}
