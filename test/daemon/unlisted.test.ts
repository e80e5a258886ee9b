import { describe, expect, test } from 'vitest';
import { patience, Unlisted } from '../../src/daemon/unlisted.ts';
import type { Network, World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { town } from '../ruleset/support.ts';

const world = buildWorld(town);
const [empty, engines, others] = [
  { name: 'br-eeeeeeeeeeee', index: 900 },
  { name: 'br-0123456789ab', index: 901 },
  { name: 'virbr7', index: 902 },
];

/** The same with one more network, on which nobody is. */
function withNetwork(bridge: { readonly name: string; readonly index: number }): World {
  const some = world.networks[0] as Network;
  const network = { ...some, id: 'e'.repeat(64), name: 'late', bridge: { ...bridge, mac: '02:42:00:00:00:01' } };
  return { ...world, networks: [...world.networks, network] };
}

function shut(unlisted: Unlisted, of: World, at: number): readonly string[] {
  const after = unlisted.after(of, at);
  after.held();
  return after.shut.map(({ name }) => name);
}

describe('a bridge that has appeared stays shut', () => {
  test('until somebody is known to be on it', () => {
    const unlisted = new Unlisted();
    const { bridge } = world.networks.find(({ name }) => name === 'app_default') as Network;
    if (bridge === null) throw new Error('no bridge');
    unlisted.appeared(bridge, 0);
    expect(shut(unlisted, { ...world, networks: [] }, 1)).toEqual([bridge.name]);
    expect(shut(unlisted, { ...world, containers: [] }, 2)).toEqual([bridge.name]);
    expect(shut(unlisted, world, 3)).toEqual([]);
    expect(shut(unlisted, { ...world, networks: [] }, 4)).toEqual([]);
  });

  test.each([
    ['whose network is not listed, by the engine’s name', engines, patience.engines],
    ['that is hardly the engine’s', others, patience.others],
  ])('a while: one %s', (_, bridge, most) => {
    const unlisted = new Unlisted();
    unlisted.appeared(bridge, 1_000);
    expect(shut(unlisted, world, 999 + most)).toEqual([bridge.name]);
    expect(shut(unlisted, world, 1_000 + most)).toEqual([]);
  });

  test('a while: one whose network is listed and empty, whatever its name', () => {
    for (const bridge of [empty, { ...empty, name: 'pinned' }]) {
      const unlisted = new Unlisted();
      unlisted.appeared(bridge, 0);
      expect(shut(unlisted, withNetwork(bridge), patience.engines - 1)).toEqual([bridge.name]);
      expect(shut(unlisted, withNetwork(bridge), patience.engines)).toEqual([]);
    }
  });

  test('until what lets it go is held', () => {
    const unlisted = new Unlisted();
    unlisted.appeared(others, 0);
    expect(unlisted.after(world, patience.others).shut).toEqual([]); // and is refused
    expect(unlisted.after(world, 1).shut).toEqual([others]);
  });

  test('once more when it has appeared anew before that', () => {
    const unlisted = new Unlisted();
    unlisted.appeared(others, 0);
    const { held } = unlisted.after(world, patience.others);
    unlisted.appeared(others, patience.others);
    held();
    expect(shut(unlisted, world, patience.others + 1)).toEqual([others.name]);
  });

  test('as long as it is there', () => {
    const unlisted = new Unlisted();
    unlisted.appeared(engines, 0);
    unlisted.gone(engines.index);
    expect(shut(unlisted, world, 1)).toEqual([]);
  });
});
