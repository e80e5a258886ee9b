import { describe, expect, test } from 'vitest';
import { setIncludes } from '../../src/ip/address-set.ts';
import { formatPrefix, prefixOf } from '../../src/ip/prefix.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { RememberedNetwork } from '../../src/ruleset/ruleset.ts';
import type { World } from '../../src/world/world.ts';
import { address, buildWorld, type NetworkSketch } from '../generate/build.ts';
import { now, policyOf } from './support.ts';

const network = (name: string, subnet: string, project?: string): NetworkSketch => ({
  name,
  subnets: [subnet],
  ...(project === undefined ? {} : { project }),
});
const appDefault = network('app_default', '172.20.0.0/16', 'app');

function world(networks: readonly NetworkSketch[], host: Partial<World['host']> = {}): World {
  const built = buildWorld({ networks, containers: [] });
  return { ...built, host: { ...built.host, ...host } };
}

const policy = (defaults = '') => policyOf(`${defaults}\nprojects: { app: { allow: none } }`);

/** What is held, as `NAME SUBNET`. */
function held(
  its: World,
  remembered: readonly RememberedNetwork[] = [],
  by: Parameters<typeof compile>[0] = policy(),
): readonly string[] {
  const { heldNetworks } = compile(by, its, now, remembered).ruleset;
  return heldNetworks.map(({ name, subnets }) => `${name} ${subnets.map(formatPrefix).join(' ')}`);
}

const remembered = (name: string, ...subnets: readonly string[]): RememberedNetwork => ({
  project: name.split('_')[0] ?? '',
  name,
  subnets: subnets.map(prefixOf),
});

describe('the addresses of a named project', () => {
  test('are held while it is there', () => {
    expect(held(world([appDefault, network('shop_default', '172.22.0.0/16', 'shop')]))).toEqual([
      'app_default 172.20.0.0/16',
    ]);
  });

  test('stay held when its network is gone, or made anew with others', () => {
    const before = compile(policy(), world([appDefault]), now).ruleset.heldNetworks;
    expect(held(world([]), before)).toEqual(['app_default 172.20.0.0/16']);
    expect(held(world([network('app_default', '172.30.0.0/16', 'app')]), before)).toEqual([
      'app_default 172.20.0.0/16',
      'app_default 172.30.0.0/16',
    ]);
    expect(held(world([appDefault]), before)).toEqual(['app_default 172.20.0.0/16']);
  });

  test('are let go when another network has them, for the part that it has', () => {
    const before = [remembered('app_default', '172.20.0.0/16', 'fd00:20::/64'), remembered('app_back', '10.9.0.0/24')];
    expect(held(world([network('shop_default', '172.20.128.0/17', 'shop')]), before)).toEqual([
      'app_back 10.9.0.0/24',
      'app_default fd00:20::/64',
    ]);
  });

  test('are let go when another bridge of the host has them, and not when the engine’s own next one has', () => {
    const before = [remembered('app_default', '172.20.0.0/16', 'fe80::/64')];
    const on = (bridge: string) =>
      world([], {
        bridges: [bridge],
        addresses: ['172.20.0.1', 'fe80::1'].map((text) => ({ interface: bridge, address: address(text), length: 16 })),
      });
    expect(held(on('virbr0'), before)).toEqual(['app_default fe80::/64']);
    expect(held(on('br-0123456789ab'), before)).toEqual(['app_default 172.20.0.0/16 fe80::/64']);
  });

  test('are not those of the LAN where the host’s card is in a bridge, whatever subnet somebody chooses around it', () => {
    const its = world([network('app_default', '192.168.0.0/16', 'app')], {
      bridges: ['br0'],
      addresses: ['192.168.0.20', 'fe80::1'].map((text) => ({ interface: 'br0', address: address(text), length: 24 })),
    });
    const { ruleset } = compile(policy(), its, now);
    expect(setIncludes(ruleset.held, address('192.168.0.1'))).toBe(false);
    expect(setIncludes(ruleset.held, address('192.168.1.1'))).toBe(true);
    // what is remembered is all of it: the LAN may go
    expect(held(its)).toEqual(['app_default 192.168.0.0/16']);
    const beside = { ...its, host: { ...its.host, bridges: [] } };
    expect(setIncludes(compile(policy(), beside, now).ruleset.held, address('192.168.0.1'))).toBe(true);
  });

  test('are not those that the host finds elsewhere because the network’s bridge has none of them', () => {
    const options = { 'com.docker.network.bridge.inhibit_ipv4': 'true' };
    const its = world([{ ...network('app_default', '45.0.0.0/8', 'app'), options }, appDefault]);
    expect(held(its)).toEqual(['app_default 172.20.0.0/16', 'app_default 45.0.0.0/8']);
    expect(held({ ...its, host: { ...its.host, addresses: [] } })).toEqual(['app_default 172.20.0.0/16']);
  });

  test('are let go when policy does not name the project any more', () => {
    expect(held(world([]), [remembered('shop_default', '172.22.0.0/16')])).toEqual([]);
    const all = policyOf('projects: { "s*": { allow: none } }');
    expect(held(world([]), [remembered('shop_default', '172.22.0.0/16')], all)).toEqual(['shop_default 172.22.0.0/16']);
  });

  test('are not held where the bridge has ports that are not containers’: nothing there is judged', () => {
    const its = world([appDefault]);
    const foreign = its.networks.map((one) => ({
      ...one,
      bridge: one.bridge === null ? null : { ...one.bridge, foreignPorts: ['eth0'] },
    }));
    expect(held({ ...its, networks: foreign })).toEqual([]);
  });
});

describe('known bridges', () => {
  const known = (its: World) => compile(policy(), its, now).ruleset.knownBridges;

  test('are the host’s others and those of networks that policy has nothing to do with', () => {
    const its = world([appDefault, network('other', '172.30.0.0/16')]);
    const [app, other] = its.networks.map(({ bridge }) => bridge?.name ?? '');
    const there = { ...its, host: { ...its.host, bridges: [app ?? '', other ?? '', 'virbr0', 'cni0'] } };
    expect(known(there)).toEqual([other, 'cni0', 'virbr0']);
    expect(known(its)).toEqual([other]);
  });

  test('are not those that look like the engine’s while it lists no such network', () => {
    expect(known(world([], { bridges: ['br-0123456789ab', 'br-lan', 'docker0'] }))).toEqual(['br-lan', 'docker0']);
  });

  test('count where unknown ones are denied', () => {
    const { ruleset } = compile(policy('defaults: { unknown-bridge: deny }'), world([]), now);
    expect(ruleset.unknownBridges).toBe('deny');
    expect(compile(policy(), world([]), now).ruleset.unknownBridges).toBe('allow');
  });
});
