import { expect, test } from 'vitest';
import { asksFromHost, type ResolverInput, resolversOf } from '../../src/docker/resolvers.ts';
import { parseResolvConf } from '../../src/host/resolv-conf.ts';
import { formatAddress, parseAddress } from '../../src/ip/address.ts';

const list = (text: string) => text.split(' ').flatMap((one) => parseAddress(one) ?? []);
const host = (text: string) =>
  parseResolvConf(
    text
      .split(' ')
      .map((one) => `nameserver ${one}\n`)
      .join(''),
  );
const lan = host('192.0.2.53 2001:db8::53');
const base: ResolverInput = { engineMajor: 26, networks: 'user', ipv6: false, own: [], engine: [], host: lan };

test.each<[string, Partial<ResolverInput>, string]>([
  ["26, user network: the host's, from the container", {}, '192.0.2.53'],
  ["26, with IPv6 the host's IPv6 one too", { ipv6: true }, '192.0.2.53 2001:db8::53'],
  ['20, user network', { engineMajor: 20 }, '192.0.2.53'],
  ['28, user network: the engine asks from the host', { engineMajor: 28 }, ''],
  ['29, user network', { engineMajor: 29, ipv6: true }, ''],
  ['28, default bridge: the container asks itself', { engineMajor: 28, networks: 'default' }, '192.0.2.53'],
  ['28, --dns is asked from the container', { engineMajor: 28, own: list('10.9.9.9') }, '10.9.9.9'],
  ["--dns beats the engine's", { own: list('10.9.9.9'), engine: list('10.8.8.8') }, '10.9.9.9'],
  ["28, the engine's dns is asked from the container", { engineMajor: 28, engine: list('10.8.8.8') }, '10.8.8.8'],
  ["loopback set by --dns is the container's own", { own: list('127.0.0.5 ::1 10.9.9.9') }, '10.9.9.9'],
  ['a loopback resolver of the host is asked from the host', { host: host('127.0.0.1') }, ''],
  ['… and next to another one that is left out', { host: host('127.0.0.1 192.0.2.53') }, '192.0.2.53'],
  ['a zoned one means nothing in the container', { ipv6: true, host: host('fe80::1%eth0 192.0.2.53') }, '192.0.2.53'],
  [
    'default bridge, only loopback: Google, as the engine has it',
    { networks: 'default', host: host('127.0.0.1') },
    '8.8.8.8 8.8.4.4',
  ],
  [
    'default bridge with IPv6, no resolver at all',
    { networks: 'default', ipv6: true, host: [] },
    '8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844',
  ],
  ['26, user network, no resolver at all', { host: [] }, '8.8.8.8 8.8.4.4'],
  ['28, user network, no resolver at all', { engineMajor: 28, host: [] }, ''],
  ['no network, no resolver', { networks: 'none', own: list('10.9.9.9') }, ''],
])('%s', (_what, input, expected) => {
  expect(
    resolversOf({ ...base, ...input })
      .map(formatAddress)
      .join(' '),
  ).toBe(expected);
});

test.each<[string, Partial<ResolverInput>, boolean]>([
  ['28, user network', { engineMajor: 28 }, true],
  ['29, with IPv6', { engineMajor: 29, ipv6: true }, true],
  ['28, default bridge', { engineMajor: 28, networks: 'default' }, false],
  ['28, no network', { engineMajor: 28, networks: 'none' }, false],
  ['28, --dns', { engineMajor: 28, own: list('10.9.9.9') }, false],
  ["28, --dns with the container's own loopback alone", { engineMajor: 28, own: list('127.0.0.1') }, false],
  ["28, the engine's dns", { engineMajor: 28, engine: list('10.8.8.8') }, false],
  ['28, a host without resolvers', { engineMajor: 28, host: [] }, false],
  ['26, user network', {}, false],
  ['26, a loopback resolver of the host', { host: host('127.0.0.1') }, true],
])('whether the engine asks from the host: %s', (_what, input, expected) => {
  expect(asksFromHost({ ...base, ...input })).toBe(expected);
});
