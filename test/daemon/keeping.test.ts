import { describe, expect, test } from 'vitest';
import { Keeper, type Standing } from '../../src/daemon/keeper.ts';
import { Troubles } from '../../src/daemon/troubles.ts';
import { setOfPrefixes } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { building, program, rulesetOf } from '../nftables/rulesets.ts';

const boot = '0d5f2a0e-6e0d-4a53-9d0b-3f2d3b0f2b11';
const set = (...texts: readonly string[]) => setOfPrefixes(texts.map(prefixOf));

/** docker0 while builds may run, with all that rules say of it. */
const docker0 = {
  ...building,
  gateways: set('172.17.0.1'),
  unknown: { ...building.unknown, places: set('172.17.0.0/16') },
};
const base = rulesetOf({ bridges: [docker0], programs: [program('build')] });

/** Writes one ruleset after another, and counts how often the rules for the next start were written. */
async function rulesWritten(...rulesets: readonly Ruleset[]): Promise<number> {
  let written = 0;
  const troubles = new Troubles(() => {}, Date.now);
  const memory = {
    writeHost: async () => {},
    writeApplied: async () => {},
    writeRules: async () => void written++,
  };
  const ports = { memory, boot, now: Date.now, onCalm: () => {}, kernel: { loadable: () => [] } };
  const keeper = new Keeper(ports as unknown as ConstructorParameters<typeof Keeper>[0], troubles, null);
  for (const ruleset of rulesets) {
    keeper.keep({ ruleset, standing: ruleset, engine: '28.5', host: {} } as unknown as Standing, true);
    expect(await keeper.save()).toEqual([]);
  }
  expect(troubles.list()).toEqual([]);
  await keeper.end();
  return written;
}

describe('the rules for the next start', () => {
  test('are written once while all they say is the same', async () => {
    expect(await rulesWritten(base, { ...base, bridges: [{ ...docker0 }] })).toBe(1);
  });

  test.each<[string, Partial<(typeof base.bridges)[number]>]>([
    ['where builds may be', { unknown: { ...docker0.unknown, places: set('172.18.0.0/16') } }],
    ['by which program builds are judged', { unknown: { ...docker0.unknown, program: 'other' } }],
    ['whether builds may run', { unknown: { kind: 'drop' } }],
    ['the addresses of the host on a bridge', { gateways: set('172.17.0.2') }],
    ['the broadcasts of a bridge', { broadcasts: set('172.17.255.255') }],
    ['the name of a bridge', { name: 'docker1' }],
  ])('are written again when %s changes', async (_, change) => {
    expect(await rulesWritten(base, { ...base, bridges: [{ ...docker0, ...change }] })).toBe(2);
  });
});
