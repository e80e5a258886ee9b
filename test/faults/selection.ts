/** Which faults a run does on which engine, held by which backend, and how much of each. */
import { engines } from '../../lab/roots.ts';
import type { BackendName } from '../../src/enforce/backend.ts';
import { full, randomFor } from '../campaign/campaign.ts';
import { type Way, waysOf } from '../packets/backends.ts';
import { type Fault, faults, type Measure } from './faults.ts';

/** As the issue asks, or a sample of a few minutes. */
export const measure: Measure = full
  ? { seconds: 20, kills: 50, reloads: 500, many: 200, away: 60 }
  : { seconds: 4, kills: 3, reloads: 20, many: 20, away: 6 };

/** Where they happen: every engine by nftables, and one by iptables; in full every engine by every backend. */
export const grounds: readonly Way[] = waysOf({ '28.5': 'iptables-nft' });

/** In a sample each engine has so many faults, and one by iptables. */
const sampled = 2;

/**
 * In a sample the seed decides which faults happen, each on one engine. SLUICE_FAULTS=all is every fault on every engine
 * in the sample's measure, to choose among with vitest's `-t`.
 */
export function faultsFor({ engine, backend }: Way): readonly Fault[] {
  if (full || process.env['SLUICE_FAULTS'] === 'all') return faults;
  if (backend !== 'nftables' && process.env['SLUICE_BACKEND'] === undefined) return inOrder(backend).slice(0, 1);
  const dealt = inOrder('').filter((_, index) => engines[index % engines.length] === engine);
  return dealt.slice(0, sampled);
}

function inOrder(purpose: BackendName | ''): readonly Fault[] {
  const random = randomFor(purpose === '' ? 'faults' : `faults by ${purpose}`);
  return faults
    .map((fault) => ({ fault, at: random.next() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ fault }) => fault);
}
