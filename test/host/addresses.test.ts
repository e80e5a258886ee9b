import { expect, test } from 'vitest';
import { bridgeNames, hostAddresses } from '../../src/host/addresses.ts';
import { formatAddress } from '../../src/ip/address.ts';
import type { Link } from '../../src/netlink/link.ts';
import { address } from '../generate/build.ts';

const link = (index: number, name: string, changes: Partial<Link> = {}): Link => ({
  index,
  name,
  mac: null,
  master: null,
  kind: null,
  up: true,
  peer: null,
  bridgeCalls: null,
  ...changes,
});

const links = [
  link(2, 'eth0'),
  link(3, 'docker0', { kind: 'bridge' }),
  link(4, 'br"; flush', { kind: 'bridge' }),
  link(5, 'veth1', { kind: 'veth', master: 3 }),
  link(6, 'cali1', { kind: 'veth' }),
];

test('addresses are the host’s, but for the link-local ones of bridge ports', () => {
  const has = (index: number, text: string) => ({ index, address: address(text), length: 64 });
  const told = hostAddresses(links, [
    has(2, '192.168.1.2'),
    has(3, 'fe80::1'),
    has(5, 'fe80::5'),
    has(5, '10.0.0.5'),
    has(6, 'fe80::6'),
    has(9, '10.0.0.9'),
  ]);
  expect(told.map((one) => `${one.interface} ${formatAddress(one.address)}`)).toEqual([
    'cali1 fe80::6',
    'docker0 fe80::1',
    'eth0 192.168.1.2',
    'veth1 10.0.0.5',
  ]);
});

test('bridges are named, but for those that no rule can name', () => {
  expect(bridgeNames(links)).toEqual(['docker0']);
});
