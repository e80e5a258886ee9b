/** In what the packet tests have Sluice hold its rules. */
import { basename } from 'node:path';
import { expect } from 'vitest';
import { type Engine, engines } from '../../lab/roots.ts';
import type { Site } from '../../lab/site.ts';
import { type BackendName, backendNames } from '../../src/enforce/backend.ts';
import { full, randomFor } from '../campaign/campaign.ts';

/** An engine, and what holds the rules beside it. */
export interface Way {
  readonly engine: Engine;
  readonly backend: BackendName;
  /** For the names of tests: the engine, and the backend where it is not nftables. */
  readonly name: string;
}

const way = (engine: Engine, backend: BackendName): Way => ({
  engine,
  backend,
  name: backend === 'nftables' ? engine : `${engine} by ${backend}`,
});

/**
 * Every engine with nftables, and those named with another backend; with `SLUICE_CAMPAIGN=full` every engine with every
 * backend. `SLUICE_BACKEND` asks for one backend on every engine.
 */
export function waysOf(sample: Partial<Record<Engine, BackendName>>): readonly Way[] {
  const asked = backendNames.find((name) => name === process.env['SLUICE_BACKEND']);
  if (asked !== undefined) return engines.map((engine) => way(engine, asked));
  if (full) return engines.flatMap((engine) => backendNames.map((backend) => way(engine, backend)));
  const others = engines.flatMap((engine) => {
    const backend = sample[engine];
    return backend === undefined ? [] : [way(engine, backend)];
  });
  return [...engines.map((engine) => way(engine, 'nftables')), ...others];
}

/** Whether every way is gone, or all of one backend: else only a sample. */
export const isWhole = full || process.env['SLUICE_BACKEND'] !== undefined;

/**
 * As `waysOf`, but a sample takes no longer for what it names: those engines with that backend only. Over all files' samples
 * each variant of iptables occurs beside each engine.
 */
export function oneWayEach(sample: Partial<Record<Engine, BackendName>>): readonly Way[] {
  const ways = waysOf(sample);
  return isWhole ? ways : ways.filter(({ engine, backend }) => backend === (sample[engine] ?? 'nftables'));
}

/** `waysOf` with a smaller sample: one engine alone, with nftables and with the backend named. For what engines do alike. */
export function waysOn(engine: Engine, backend?: BackendName): readonly Way[] {
  const ways = waysOf(backend === undefined ? {} : { [engine]: backend });
  return isWhole ? ways : ways.filter((one) => one.engine === engine);
}

/** Scripts ask for the ways, too, and run in no test file. */
const file = process.env['VITEST'] === undefined ? '' : basename(expect.getState().testPath ?? '');

/** Where one variant of iptables has to stand for both, the seed says which, for each test file anew. */
export const iptablesVariant: BackendName =
  randomFor(`the variant of iptables in ${file}`).next() < 0.5 ? 'iptables-nft' : 'iptables-legacy';

/** Those of `waysOf` that hold in iptables. */
export const waysByIptables = (): readonly Way[] =>
  waysOf({ '28.5': iptablesVariant }).filter(({ backend }) => backend !== 'nftables');

const held = new WeakMap<Site, BackendName>();

/** From now on policies are applied with this backend there. */
export function holdWith(site: Site, backend: BackendName): Site {
  held.set(site, backend);
  return site;
}

export function backendAt(site: Site): BackendName {
  return held.get(site) ?? 'nftables';
}
