/** Which faults a run does on which engine, and how much of each. */
import { type Engine, engines } from '../../lab/roots.ts';
import { full, randomFor } from '../campaign/campaign.ts';
import { type Fault, faults, type Measure } from './faults.ts';

/** As the issue asks, or a sample of a few minutes. */
export const measure: Measure = full
  ? { seconds: 20, kills: 50, reloads: 500, many: 200, away: 60 }
  : { seconds: 4, kills: 3, reloads: 20, many: 20, away: 6 };

/** In a sample each engine has so many faults. */
const sampled = 3;

/**
 * In a sample the seed decides which faults happen, each on one engine. SLUICE_FAULTS=all is every fault on every engine
 * in the sample's measure, to choose among with vitest's `-t`.
 */
export function faultsFor(engine: Engine): readonly Fault[] {
  if (full || process.env['SLUICE_FAULTS'] === 'all') return faults;
  const random = randomFor('faults');
  const order = faults.map((fault) => ({ fault, at: random.next() })).toSorted((a, b) => a.at - b.at);
  const dealt = order.filter((_, index) => engines[index % engines.length] === engine);
  return dealt.slice(0, sampled).map(({ fault }) => fault);
}
