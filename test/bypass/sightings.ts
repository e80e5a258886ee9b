/** Ways to try something, each with who has seen it. */
import type { Probe } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { type Forgery, sendForgeries } from '../packets/forging.ts';
import { type Attempt, describeAttempt } from '../packets/support.ts';
import type { Sighting } from './row.ts';

/** Probes: what a container's own kernel sends for it. */
export async function byProbes(site: Site, attempts: readonly Attempt[], note = ''): Promise<readonly Sighting[]> {
  const probes = await site.host.probeMany(attempts);
  return attempts.map((attempt, index) => {
    const probe = probes[index] as Probe;
    return { what: `${describeAttempt(attempt)}${note}`, at: probe.at, learnt: learntBy(probe) };
  });
}

function learntBy({ outcome, type, code, error }: Probe): string {
  if (outcome === 'unreachable') return `unreachable (${type}/${code})`;
  return outcome === 'error' ? error : outcome;
}

/** Frames past the container's own kernel, from `who`. */
export async function byFrames(site: Site, who: string, forgeries: readonly Forgery[]): Promise<readonly Sighting[]> {
  const seen = await sendForgeries(site, who, forgeries);
  return forgeries.map(({ name }) => ({ what: `${who}: ${name}`, at: seen.includes(name) ? ['an observer'] : [] }));
}
