import { describe, expect, test } from 'vitest';
import { printEbTable } from '../../src/iptables/print-bridge.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { RememberedNetwork } from '../../src/ruleset/ruleset.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld, type WorldSketch } from '../generate/build.ts';
import { facts } from '../iptables/facts.ts';
import { now, policyOf, town } from './support.ts';

const policy = policyOf('projects: { app: { allow: none } }');

/** The town, with a network of nobody's project that `app-db-1` may be on. */
function world(attached: boolean): World {
  const side = { name: 'side', subnets: ['172.30.0.0/16'] };
  const containers = town.containers.map((one) =>
    attached && one.name === 'app-db-1' ? { ...one, on: [...(one.on ?? []), 'side'] } : one,
  );
  const sketch: WorldSketch = { ...town, networks: [...town.networks, side], containers };
  return buildWorld(sketch);
}

const enrolled = (its: World, remembered: readonly RememberedNetwork[] = []) =>
  compile(policy, its, now, remembered).ruleset.bridges.map(({ network }) => network);

describe('a network that a named container is connected to', () => {
  test('is enrolled, and stays so when the container has left it: it may come again before anybody can act', () => {
    expect(enrolled(world(false))).not.toContain('side');
    const { heldNetworks } = compile(policy, world(true), now).ruleset;
    expect(enrolled(world(true))).toContain('side');
    expect(enrolled(world(false), heldNetworks)).toContain('side');
    // and is remembered on
    const again = compile(policy, world(false), now, heldNetworks).ruleset.heldNetworks;
    expect(enrolled(world(false), again)).toContain('side');
  });

  test('is no more enrolled when policy does not name that container any more', () => {
    const { heldNetworks } = compile(policy, world(true), now).ruleset;
    const other = policyOf('projects: { shop: { allow: none } }');
    const { bridges } = compile(other, world(false), now, heldNetworks).ruleset;
    expect(bridges.map(({ network }) => network)).toEqual(
      compile(other, world(false), now).ruleset.bridges.map(({ network }) => network),
    );
  });

  test('is forgotten with the network, and its addresses are nobody’s afterwards', () => {
    const { heldNetworks } = compile(policy, world(true), now).ruleset;
    const without = buildWorld(town);
    const { heldNetworks: later, held } = compile(policy, without, now, heldNetworks).ruleset;
    expect(later.map(({ name }) => name)).not.toContain('side');
    expect(held).toEqual(compile(policy, without, now).ruleset.held);
  });
});

describe('where nobody may be named', () => {
  const denying = policyOf('defaults: { unmanaged: deny }\nprojects: { app: { allow: none } }');

  test('containers that nothing names are denied on every bridge, not on those of others alone', () => {
    const compiled = compile(denying, buildWorld(town), now).ruleset;
    expect(compiled.bridges.map(({ network }) => network)).toContain('shop_default');
    const open = compile(policy, buildWorld(town), now).ruleset;
    expect(open.bridges.map(({ network }) => network)).not.toContain('shop_default');
  });
});

describe('a bridge with a name that no rule can carry', () => {
  const odd = { name: 'br;x', index: 77 };
  const renamed = (name: string): World => {
    const its = buildWorld(town);
    return {
      ...its,
      networks: its.networks.map((one) => (one.name === name ? { ...one, bridge: null, oddBridge: odd } : one)),
    };
  };

  test('is barred where it would be enrolled, and left alone where nobody is held', () => {
    const { barred, unheld } = compile(policy, renamed('app_default'), now).ruleset;
    expect(barred).toContainEqual(odd);
    expect(unheld.map(({ code }) => code)).toContain('bridge-name');
    expect(compile(policy, renamed('shop_default'), now).ruleset.barred).toBeUndefined();
  });

  test('is a port that nobody has a place at, in both tables', () => {
    const tables = renderRuleset(compile(policy, renamed('app_default'), now).ruleset);
    for (const { sets } of tables)
      expect(sets.find(({ name }) => name === 'ports')?.elements).toContainEqual({ key: [{ low: 77n, high: 77n }] });
  });

  test('is known to iptables by its number, before anything else is asked', () => {
    const { ruleset } = compile(policy, renamed('app_default'), now);
    const { bridge, tables } = renderXtables(ruleset, facts);
    for (const family of [4, 6] as const)
      for (const [table, chain] of [
        ['raw', 'DOCKER-OUTBOUND-FILTER'],
        ['mangle', 'DOCKER-OUTBOUND-FILTER-PRE'],
      ]) {
        const its = tables[family].find(({ name }) => name === table)?.chains.find(({ name }) => name === chain);
        expect(its?.rules[0]).toMatchObject({ matches: [{ kind: 'in-index', index: 77 }], target: { kind: 'drop' } });
      }
    // no rule of ebtables could name it, and it is no port
    expect(bridge.map(printEbTable).join('')).not.toContain(odd.name);
  });
});
