import { describe, expect, test } from 'vitest';
import { addressOf, formatAddress } from '../../src/ip/address.ts';
import type { AddressSet } from '../../src/ip/address-set.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { judge, town } from './support.ts';

/** A project has made a network with a subnet of its choice; one container is on it, at an address of that subnet. */
function around(subnet: string, inhibit?: string): World {
  const options = inhibit === undefined ? {} : { options: { 'com.docker.network.bridge.inhibit_ipv4': inhibit } };
  return buildWorld({
    ...town,
    networks: [...town.networks, { name: 'evil_default', subnets: [subnet], project: 'evil', ...options }],
    containers: [
      ...town.containers,
      { name: 'on-it', workload: 'evil/a', on: ['evil_default'] },
      { name: 'elsewhere', workload: 'app/a', on: ['shop_default'] },
    ],
    host: ['192.168.0.3/24'],
  });
}

function setText(set: AddressSet | undefined): string {
  return (set?.v4 ?? [])
    .map(({ low, high }) => [low, high].map((value) => formatAddress(addressOf(4, value))).join('-'))
    .join();
}

/** The same with no address of the host's on that network's bridge. */
function bare(subnet: string, inhibit?: string): World {
  const world = around(subnet, inhibit);
  const { name } = world.networks.find((one) => one.name === 'evil_default')?.bridge ?? {};
  const networks = world.networks.map((one) => (one.bridge?.name === name ? { ...one, gateways: [] } : one));
  const addresses = world.host.addresses.filter((one) => one.interface !== name);
  return { ...world, networks, host: { ...world.host, addresses } };
}
const policy = (allow: string) => `projects: { "*": { allow: [${allow}] } }`;

describe('a network takes nobody’s permission for what the host does not find on its bridge', () => {
  test.each(['internet', '"45.90.0.0/16"', '"45.90.10.9:443"'])(
    'allowed %s, without an address on the bridge',
    (allow) => {
      const { say } = judge(policy(allow), bare('45.0.0.0/8', 'true'));
      expect(say('elsewhere', '45.90.10.9:443/tcp')).toBe('allowed');
      expect(say('on-it', '45.90.10.9:443/tcp'), 'who is on it may meet a neighbour there').toBe('denied');
    },
  );

  test('also at the last address of its subnet', () => {
    const { say } = judge(policy('internet'), bare('45.90.10.8/30', '1'));
    expect(say('elsewhere', '45.90.10.11:443/tcp')).toBe('allowed');
  });

  test.each(['private', '"192.168.0.0/24"'])('allowed %s, where the LAN is inside of its subnet', (allow) => {
    const { say } = judge(policy(allow), around('192.168.0.0/16'));
    expect(say('elsewhere', '192.168.0.77:443/tcp')).toBe('allowed');
    expect(say('elsewhere', '192.168.1.77:443/tcp'), 'beside the LAN').toBe('denied');
    expect(say('elsewhere', '192.168.0.255:443/tcp'), 'the LAN’s broadcast').toBe('denied');
    expect(say('on-it', '192.168.0.77:443/tcp')).toBe('denied');
  });
});

test('where the LAN is inside of a subnet, or the bridge has no address there, the host finds it elsewhere', () => {
  const wires = (world: World) => setText(judge(policy('none'), world).ruleset.onWires);
  expect(wires(around('192.168.0.0/16'))).toBe('192.168.0.0-192.168.0.255');
  expect(wires(bare('192.168.0.16/28', 'true'))).toBe('192.168.0.16-192.168.0.31');
  expect(wires(around('192.168.0.16/28')), 'the longer prefix is the bridge').toBe('');
  expect(wires(around('45.0.0.0/8'))).toBe('');
});

describe('between containers identity alone counts', () => {
  test.each([
    ['the bridge has the subnet', around('45.0.0.0/8')],
    ['the bridge has the subnet, whatever the engine was told', around('45.0.0.0/8', 'true')],
    ['the host’s addresses were read before the bridge had one', bare('45.0.0.0/8')],
    ['the engine was told to give it one', bare('45.0.0.0/8', 'false')],
  ])('where %s', (_, world) => {
    expect(judge(policy('internet'), world).say('elsewhere', '45.90.10.9:443/tcp')).toBe('denied');
  });

  test('at the address of a container that is there', () => {
    const { say, ruleset } = judge(policy('internet'), bare('45.0.0.0/8', 'true'));
    const address = ruleset.endpoints
      .find(({ container }) => container.name === 'on-it')
      ?.addresses.find(({ family }) => family === 4);
    expect(say('elsewhere', `${text(address?.value ?? 0n)}:443/tcp`)).toBe('denied');
  });
});

const text = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
