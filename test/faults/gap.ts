import { until } from '../../lab/exec.ts';
import type { Observer } from '../../lab/observer.ts';
import type { Stream } from '../../lab/stream.ts';

/** Packets of a denied stream that arrived, and the milliseconds from the first to the last, once none has for a while. */
export async function gapOf(stream: Stream, at: Observer): Promise<{ readonly arrived: number; readonly ms: number }> {
  let arrived = -1;
  const silent = async () => {
    const before = arrived;
    arrived = await at.count(stream.token);
    return arrived === before ? true : undefined;
  };
  await until('silence again', silent, 10_000, 250);
  await stream.stop();
  const seen = await at.seen(stream.token);
  return { arrived: seen.length, ms: ((seen.at(-1)?.t ?? 0) - (seen[0]?.t ?? 0)) / 1000 };
}
