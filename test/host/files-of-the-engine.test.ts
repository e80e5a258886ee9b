import { describe, expect, test } from 'vitest';
import { engineSettings } from '../../src/host/dockerd.ts';
import { hostNameservers } from '../../src/host/resolv-conf.ts';
import { formatAddress } from '../../src/ip/address.ts';

const reader = (files: Record<string, string>) => (path: string) => files[path];

describe("the engine's settings", () => {
  const settings = (files: Record<string, string>) => {
    const { dns, hostGateway } = engineSettings(reader(files));
    return { dns: dns.map(formatAddress), hostGateway: hostGateway.map(formatAddress) };
  };
  const running = (...args: string[]) => ({
    '/run/docker.pid': '812',
    '/proc/812/status': 'Name:\tdockerd\nNSpid:\t812\nNSpgid:\t812\n',
    '/proc/812/cmdline': `${['/usr/bin/dockerd', ...args].join('\0')}\0`,
  });
  const none = { dns: [], hostGateway: [] };

  test.each<[string, Record<string, string>, ReturnType<typeof settings>]>([
    ['nothing at all', {}, none],
    ['an empty file', { '/etc/docker/daemon.json': '\n' }, none],
    [
      'the file',
      { '/etc/docker/daemon.json': '{"dns":["10.1.1.1","fd00::1"],"host-gateway-ip":"10.2.2.2"}' },
      { dns: ['10.1.1.1', 'fd00::1'], hostGateway: ['10.2.2.2'] },
    ],
    [
      'two gateways',
      { '/etc/docker/daemon.json': '{"host-gateway-ips":["10.2.2.2","fd00::2"]}' },
      { dns: [], hostGateway: ['10.2.2.2', 'fd00::2'] },
    ],
    [
      'flags',
      running(
        '-H',
        'fd://',
        '--dns',
        '10.1.1.1',
        '--dns=10.1.1.2,10.1.1.3',
        '--iptables=false',
        '--host-gateway-ip=10.2.2.2',
      ),
      { dns: ['10.1.1.1', '10.1.1.2', '10.1.1.3'], hostGateway: ['10.2.2.2'] },
    ],
    [
      'another file',
      {
        ...running('--config-file', '/etc/d.json'),
        '/etc/d.json': '{"dns":["10.3.3.3"]}',
        '/etc/docker/daemon.json': '{"dns":["10.1.1.1"]}',
      },
      { ...none, dns: ['10.3.3.3'] },
    ],
    ['a stale pid file', { ...running(), '/proc/812/cmdline': 'sleep\0--dns\0 10.1.1.1\0' }, none],
    ['a pid file of one that is gone', { '/run/docker.pid': '812' }, none],
    [
      "a stale pid file, and a container's program that has the number and the name",
      { ...running('--dns', '10.1.1.1'), '/proc/812/status': 'Name:\tdockerd\nNSpid:\t812\t7\nNSpgid:\t812\t7\n' },
      none,
    ],
    ['a pid file that holds no number', { '/run/docker.pid': '../../etc' }, none],
  ])('%s', (_what, files, expected) => {
    expect(settings(files)).toEqual(expected);
  });

  test.each(['{', '[]', '{"dns":["resolver.lan"]}', '{"dns":[7]}'])(
    'a file of %s is an error that names it',
    (text) => {
      expect(() => settings({ '/etc/docker/daemon.json': text })).toThrow(/\/etc\/docker\/daemon\.json/);
    },
  );
});

describe("the host's resolvers", () => {
  const servers = (files: Record<string, string>) =>
    hostNameservers(reader(files)).map(({ address }) => formatAddress(address));
  const resolved = { '/run/systemd/resolve/resolv.conf': 'nameserver 192.0.2.1\nnameserver 192.0.2.2\n' };

  test.each<[string, Record<string, string>, readonly string[]]>([
    ['no file', {}, []],
    [
      'comments and options',
      {
        '/etc/resolv.conf':
          '# nameserver 10.0.0.9\n;nameserver 10.0.0.8\nsearch lan\n\tnameserver\t10.0.0.1 # main\r\nnameserver fd00::1\n',
      },
      ['10.0.0.1', 'fd00::1'],
    ],
    [
      'no address',
      { '/etc/resolv.conf': 'nameserver resolver.lan\nnameserver 010.0.0.1\nnameserver\nnameserver 10.0.0.1' },
      ['10.0.0.1'],
    ],
    [
      "resolved's stub alone",
      { ...resolved, '/etc/resolv.conf': 'nameserver 127.0.0.53\n' },
      ['192.0.2.1', '192.0.2.2'],
    ],
    [
      "resolved's stub beside another",
      { ...resolved, '/etc/resolv.conf': 'nameserver 127.0.0.53\nnameserver 10.0.0.1\n' },
      ['127.0.0.53', '10.0.0.1'],
    ],
    ['another loopback', { ...resolved, '/etc/resolv.conf': 'nameserver 127.0.0.1\n' }, ['127.0.0.1']],
    ["resolved's stub without resolved", { '/etc/resolv.conf': 'nameserver 127.0.0.53\n' }, ['127.0.0.53']],
  ])('%s', (_what, files, expected) => {
    expect(servers(files)).toEqual(expected);
  });

  test('a zone is noted', () => {
    expect(hostNameservers(reader({ '/etc/resolv.conf': 'nameserver fe80::1%eth0\n' }))).toMatchObject([
      { zoned: true },
    ]);
  });
});
