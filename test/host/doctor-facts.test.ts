import { expect, test } from 'vitest';
import { readConntrackTable } from '../../src/host/conntrack-table.ts';
import { dockerProxies } from '../../src/host/docker-proxies.ts';
import { engineListeners } from '../../src/host/engine-api.ts';
import { flushingServices } from '../../src/host/flushing-services.ts';

import { routingLoopback } from '../../src/host/route-localnet.ts';

const files = (texts: Readonly<Record<string, string>>) => ({
  read: (path: string) => texts[path],
  list: (folder: string) => [
    ...new Set(
      Object.keys(texts)
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1).split('/')[0] as string),
    ),
  ],
});

const conntrack = '/proc/sys/net/netfilter/nf_conntrack_';

test('the table of conversations is read, and none where there is none', () => {
  const { read } = files({
    [`${conntrack}count`]: '12\n',
    [`${conntrack}max`]: '100\n',
    [`${conntrack}tcp_be_liberal`]: '1\n',
  });
  expect(readConntrackTable(read)).toEqual({ count: 12, max: 100, liberal: true });
  expect(readConntrackTable(() => undefined)).toBeNull();
});

test('docker-proxy is known by its command line', () => {
  const line = (...words: string[]) => `${words.join('\0')}\0`;
  const { read } = files({
    '/proc/12/cmdline': line(
      '/usr/bin/docker-proxy',
      '-proto',
      'tcp',
      '-host-ip',
      '0.0.0.0',
      '-host-port',
      '3000',
      '-container-ip',
      '172.20.0.2',
      '-container-port',
      '3000',
      '-use-listen-fd',
    ),
    '/proc/13/cmdline': line('docker-proxy', '-proto', 'udp', '-host-ip', '::', '-host-port', '53'),
    '/proc/14/cmdline': line('sh', '-c', 'docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 1'),
    '/proc/15/cmdline': '',
    '/proc/16/cmdline': line('docker-proxy', '-proto', 'tcp', '-host-port', 'x'),
    '/proc/17/cmdline': line('docker-proxy', '-proto', 'tcp', '-host-ip', '0.0.0.0', '-host-port', '80'),
    ...Object.fromEntries([12, 13, 14, 15, 16].map((pid) => [`/proc/${pid}/status`, `NSpid:\t${pid}\n`])),
    '/proc/17/status': 'NSpid:\t17\t1\n', // of a container
  });
  expect(dockerProxies({ list: () => ['1', '12', '13', '14', '15', '16', '17', 'self'], read })).toEqual([
    { process: 12, protocol: 'tcp', address: '0.0.0.0', port: 3000 },
    { process: 13, protocol: 'udp', address: '::', port: 53 },
  ]);
});

const link = '/etc/systemd/system/sysinit.target.wants/nftables.service';
const unit = '/usr/lib/systemd/system/nftables.service';
/** As Debian has it. */
const debian = {
  [link]: '',
  [unit]:
    '[Service]\nExecStart=/usr/sbin/nft -f /etc/nftables.conf\nExecReload=/usr/sbin/nft -f /etc/nftables.conf\nExecStop=/usr/sbin/nft flush ruleset\n',
  '/etc/nftables.conf': '#!/usr/sbin/nft -f\n\nflush ruleset\n',
};
const told = (texts: Readonly<Record<string, string>>) => {
  const { read, list } = files(texts);
  return flushingServices(read, list);
};

test("Debian's nftables.service flushes at its start and at its stop", () => {
  expect(told(debian)).toEqual([
    {
      service: 'nftables.service',
      enabledBy: link,
      flushes: [`${unit}:4: ExecStop=/usr/sbin/nft flush ruleset`, '/etc/nftables.conf:3: flush ruleset'],
    },
  ]);
});

const without = (path: string, from: Readonly<Record<string, string>> = debian) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name !== path));

test.each<[string, Readonly<Record<string, string>>]>([
  ['it is not enabled', without(link)],
  ['there is no unit', without(unit)],
  [
    'its file flushes nothing and its stop is taken away',
    {
      ...debian,
      '/etc/nftables.conf': '# flush ruleset\ntable inet filter\nflush table inet filter\n',
      '/etc/systemd/system/nftables.service.d/own.conf': '[Service]\nExecStop=\n',
    },
  ],
  [
    'a unit of the host replaces it',
    { ...debian, '/etc/systemd/system/nftables.service': '[Service]\nExecStart=/usr/sbin/nft -f /etc/own.nft\n' },
  ],
])('it is not told of where %s', (_what, texts) => {
  expect(told(texts)).toEqual([]);
});

const dockerd = (args: readonly string[], config?: object) =>
  files({
    '/run/docker.pid': '7\n',
    '/proc/7/status': 'NSpid:\t7\n',
    '/proc/7/cmdline': `/usr/bin/dockerd\0${args.map((word) => `${word}\0`).join('')}`,
    ...(config === undefined ? {} : { '/etc/docker/daemon.json': JSON.stringify(config) }),
  }).read;

test.each<[readonly string[], object | undefined, readonly [string, boolean, boolean][]]>([
  [['-H', 'unix:///run/docker.sock'], undefined, []],
  [['-H', 'fd://', '--host=tcp://0.0.0.0:2375'], undefined, [['tcp://0.0.0.0:2375', false, false]]],
  [['-H', 'tcp://10.0.0.1:2376', '--tlsverify'], undefined, [['tcp://10.0.0.1:2376', false, true]]],
  [['-H', 'tcp://[::]:2376', '--tls'], undefined, [['tcp://[::]:2376', false, false]]],
  [
    ['-H', 'tcp://[::1]:2375', '-H', ':2375'],
    undefined,
    [
      ['tcp://[::1]:2375', true, false],
      ['tcp://:2375', true, false],
    ],
  ],
  [['-H=192.0.2.1:2375'.replace('=', '')], { tlsverify: true }, [['tcp://192.0.2.1:2375', false, true]]],
  [[], { hosts: ['unix:///run/docker.sock', 'tcp://localhost:2375'] }, [['tcp://localhost:2375', true, false]]],
  [['--tlsverify=false', '-H', 'tcp://0.0.0.0:1'], undefined, [['tcp://0.0.0.0:1', false, false]]],
])('where the engine listens: %j, %j', (args, config, expected) => {
  const found = engineListeners(dockerd(args, config)).map(
    ({ address, loopback, verifies }) => [address, loopback, verifies] as const,
  );
  expect(found).toEqual(expected);
});

test('without a dockerd nobody listens', () => {
  expect(engineListeners(() => undefined)).toEqual([]);
});

test('an interface routes what is for the loopback by its own switch or by that of all', () => {
  const conf = '/proc/sys/net/ipv4/conf';
  const own = { [`${conf}/all/route_localnet`]: '0\n', [`${conf}/docker0/route_localnet`]: '1\n' };
  expect(routingLoopback(['docker0', 'br-1', 'a/../docker0', '..'], files(own).read)).toEqual(['docker0']);
  const all = { ...own, [`${conf}/all/route_localnet`]: '1\n' };
  expect(routingLoopback(['docker0', 'br-1'], files(all).read)).toEqual(['docker0', 'br-1']);
});
