import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doctorPage, doctorReference } from '../../scripts/doctor-reference.ts';
import { checks } from '../../src/doctor/checks.ts';
import type { Facts } from '../../src/doctor/facts.ts';
import { examine } from '../../src/doctor/finding.ts';
import { explainListing } from '../../src/packetpath/purpose/explain-listing.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import type { WorldSketch } from '../generate/build.ts';
import { factsOf } from './facts.ts';

const one = (container: Partial<WorldSketch['containers'][number]>): Partial<WorldSketch> => ({
  containers: [{ name: 'app-app-1', workload: 'app/app', on: ['app_default'], ...container }],
});
const unheld = (wanted: 'enforce' | 'audit') =>
  ({
    container: { id: '1'.padStart(64, '0'), name: 'app-app-1' },
    workload: 'app/app',
    code: 'host-network',
    reason: "it uses the host's network",
    fix: 'give it a network of its own',
    wanted,
  }) as const;
const proxy = { process: 7, protocol: 'tcp', address: '0.0.0.0', port: 3000 };
const flusher = {
  service: 'nftables.service',
  enabledBy: '/etc/systemd/system/sysinit.target.wants/nftables.service',
  flushes: ['/etc/nftables.conf:3: flush ruleset'],
};

const bound = (path: string, writable = true) => one({ mounts: [{ kind: 'bind', path, writable }] });
const ofVolume = one({ mounts: [{ kind: 'volume', volume: 'data', writable: true }] });
const volumes = (options: Readonly<Record<string, string>>, driver = 'local') => ({
  volumes: new Map([['data', { name: 'data', driver, options: new Map(Object.entries(options)) }]]),
});
const api = (address: string, loopback: boolean, verifies = false) => ({ api: [{ address, loopback, verifies }] });
const logging = (driver: string, address: string | null) => one({ logging: { driver, address } });

const shortSeen = 'app/app (app-app-1): sends up to 1500 bytes on app_default, wg0 takes 1420';

/** An enforced container of 1,500 bytes on a host where WireGuard takes fewer. */
function short(container: Partial<WorldSketch['containers'][number]> = {}, port = 1500): Partial<Facts> {
  const { world } = factsOf(one(container));
  const [sender] = world?.containers ?? [];
  const [network] = world?.networks.filter(({ id }) => id === sender?.endpoints[0]?.network) ?? [];
  if (sender === undefined) throw new Error('no container');
  return {
    sizes: {
      mtus: new Map([
        ['veth1', port],
        ['wg0', 1420],
      ]),
      ways: new Map([
        ['eth0', 1500],
        ['wg0', 1420],
        ['docker0', 1280], // its own bridges are none
      ]),
    },
    enforced: [{ container: sender, bridge: network?.bridge?.name ?? '', port: 'veth1' }],
  };
}

/** What another firewall really made, see test/packetpath/purpose/firewalls.test.ts. */
function firewalls(name: string) {
  const path = join(import.meta.dirname, '../packetpath/purpose/firewalls', name);
  return explainListing(readListing(readFileSync(path, 'utf8')), null);
}

const found: readonly [string, string, Partial<WorldSketch>, Partial<Facts>, string | RegExp, string | RegExp][] = [
  [
    'none of our tables',
    'nothing-stands',
    {},
    { ours: { standing: false, altered: null, daemon: null } },
    /no daemon/,
    'sluice run',
  ],
  [
    'none while the daemon runs',
    'nothing-stands',
    {},
    { ours: { standing: false, altered: null, daemon: { troubles: [], lastLine: 'stands' } } },
    'no rules of ours are there',
    'sluice apply',
  ],
  [
    'tables that were edited',
    'altered-tables',
    {},
    { ours: { standing: true, altered: true, daemon: null } },
    /lack rules/,
    'sluice apply',
  ],
  [
    'no daemon',
    'no-daemon',
    {},
    { ours: { standing: true, altered: false, daemon: null } },
    /control socket/,
    'sluice run',
  ],
  [
    'a daemon in trouble',
    'daemon-trouble',
    {},
    {
      ours: {
        standing: true,
        altered: null,
        daemon: { troubles: [{ message: 'the engine is gone', fix: 'start it' }], lastLine: 'stands' },
      },
    },
    'the engine is gone',
    '',
  ],
  [
    'a daemon on an old kernel',
    'no-last-line',
    {},
    { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: 'unsupported' } } },
    /no tables that a process owns/,
    '',
  ],
  [
    "a daemon whose last line's name is taken",
    'no-last-line',
    {},
    { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: 'taken' } } },
    /is not the daemon's/,
    'nft delete table inet sluice-last',
  ],
  ['a way out that is short', 'short-uplink', {}, short(), shortSeen, 'cap_drop: [NET_RAW]'],
  [
    'a way out that is short, for docker0',
    'short-uplink',
    {},
    short({ name: 'alone', on: ['bridge'] }),
    'app/app (alone): sends up to 1500 bytes on bridge, wg0 takes 1420',
    '/etc/docker/daemon.json: "mtu": 1420',
  ],
  [
    'a way out that is short, for who got NET_RAW back',
    'short-uplink',
    {},
    short({ dropped: ['ALL'], powers: { capabilities: ['NET_RAW'] } }),
    shortSeen,
    'cap_drop: [NET_RAW]',
  ],
  [
    'who cannot be held',
    'not-held',
    {},
    { unheld: [unheld('enforce')] },
    "app/app (app-app-1): it uses the host's network",
    '',
  ],
  [
    'a policy of another user',
    'writable-policy',
    {},
    { writable: [{ path: '/etc/sluice/policy.yaml', kind: 'file', uid: 1000, gid: 0, mode: 0o664 }] },
    /user 1000, group 0, mode 0664/,
    'chown root:root -- /etc/sluice/policy.yaml',
  ],
  [
    'a folder that all may write',
    'writable-policy',
    {},
    { writable: [{ path: "/etc/it's", kind: 'folder', uid: 0, gid: 0, mode: 0o777 }] },
    /folder of user 0/,
    "chmod go-w -- '/etc/it'\\''s'",
  ],
  [
    'the engine socket',
    'engine-socket',
    one({ powers: { engineSockets: ['/run/docker.sock'] } }),
    {},
    'app/app (app-app-1): /run/docker.sock is mounted into it',
    'volumes: # without /run/docker.sock',
  ],
  [
    'the engine socket by a volume that is a folder of the host',
    'engine-socket',
    ofVolume,
    volumes({ type: 'none', o: 'bind', device: '/run/' }),
    'app/app (app-app-1): volume data (/run) is mounted into it',
    'volumes: # without volume data (/run)',
  ],
  [
    'an engine that anybody may call',
    'engine-on-network',
    {},
    api('tcp://0.0.0.0:2375', false),
    'dockerd listens on tcp://0.0.0.0:2375',
    '/etc/docker/daemon.json: "tlsverify": true, with tlscacert, tlscert and tlskey',
  ],
  [
    'a file of the host',
    'host-files',
    bound('/etc'),
    {},
    'app/app (app-app-1): /etc',
    'volumes: # /etc with :ro, or not at all',
  ],
  ['a folder above files of the host', 'host-files', bound('/var/lib'), {}, 'app/app (app-app-1): /var/lib', /:ro/],
  ["the kernel's switches", 'host-files', bound('/proc'), {}, 'app/app (app-app-1): /proc', /:ro/],
  [
    'the root of the host by a volume, without what is mounted in it',
    'host-files',
    ofVolume,
    volumes({ type: 'none', o: 'bind', device: '/' }),
    'app/app (app-app-1): volume data (/)',
    /volume data/,
  ],
  [
    'the policy',
    'sluice-shared',
    bound('/etc/sluice/policy.yaml'),
    {},
    'app/app (app-app-1): /etc/sluice/policy.yaml',
    'volumes: # without /etc/sluice/policy.yaml',
  ],
  ['the control socket', 'sluice-shared', bound('/run/sluice', false), {}, /: \/run\/sluice$/, /without/],
  [
    'a socket of the host',
    'host-socket',
    bound('/run/dbus/system_bus_socket', false),
    { sockets: ['/run/dbus/system_bus_socket'] },
    'app/app (app-app-1): /run/dbus/system_bus_socket',
    'volumes: # without /run/dbus/system_bus_socket',
  ],
  [
    "the host's processes",
    'host-processes',
    one({ powers: { hostProcesses: true } }),
    {},
    'app/app (app-app-1): pid host',
    'pid: "" # in place of host',
  ],
  [
    "another container's processes",
    'others-processes',
    one({ powers: { processesOf: 'shop-web-1' } }),
    {},
    'app/app (app-app-1): processes of shop-web-1',
    'pid: "" # in place of service: or container:',
  ],
  [
    'a log that leaves',
    'log-from-host',
    logging('gelf', 'udp://192.0.2.1:12201'),
    {},
    'app/app (app-app-1): log driver gelf to udp://192.0.2.1:12201',
    'logging: { driver: local }',
  ],
  ['a log to a name', 'log-from-host', logging('fluentd', 'logs.example:24224'), {}, /logs\.example/, /local/],
  ['a log by IPv6', 'log-from-host', logging('syslog', 'tcp://[2001:db8::1]:514'), {}, /2001:db8/, /local/],
  ['a log to a cloud', 'log-from-host', logging('awslogs', null), {}, /log driver awslogs$/, /local/],
  [
    'files of another computer',
    'network-volume',
    ofVolume,
    volumes({ type: 'nfs', o: 'addr=192.0.2.9,rw', device: ':/data' }),
    'app/app (app-app-1): volume data, nfs :/data at 192.0.2.9',
    '',
  ],
  [
    'a network of another',
    'shared-network',
    {
      containers: [
        { name: 'a', on: ['app_default'] },
        { name: 'b', mode: 'container:a' },
      ],
    },
    {},
    'b: the network of a',
    'networks: [default] # in place of network_mode',
  ],
  [
    'labels of an image',
    'image-labels',
    one({ imageLabels: ['sluice.allow'] }),
    {},
    'app/app (app-app-1): sluice.allow of image image',
    '',
  ],
  [
    "a bridge that leads to the host's loopback",
    'loopback-routed',
    {},
    { routesLoopback: ['br-000000abc001'] },
    'net.ipv4.conf.br-000000abc001.route_localnet = 1 (app_default)',
    'sysctl -w net.ipv4.conf.br-000000abc001.route_localnet=0',
  ],
  [
    'privileged',
    'privileged',
    one({ powers: { privileged: true } }),
    {},
    'app/app (app-app-1): privileged',
    'privileged: false',
  ],
  [
    'all capabilities',
    'privileged',
    one({ powers: { capabilities: ['ALL', 'NET_RAW'] } }),
    {},
    /: cap_add ALL$/,
    'privileged: false',
  ],
  [
    'a capability that is the host',
    'privileged',
    one({ powers: { capabilities: ['DAC_READ_SEARCH', 'SYS_ADMIN'] } }),
    {},
    /: cap_add DAC_READ_SEARCH, cap_add SYS_ADMIN$/,
    'privileged: false',
  ],
  [
    'NET_ADMIN',
    'net-admin',
    one({ powers: { capabilities: ['NET_ADMIN'] } }),
    {},
    'app/app (app-app-1): cap_add NET_ADMIN',
    'cap_drop: [NET_ADMIN] # in place of cap_add',
  ],
  [
    "the host's users",
    'host-users',
    one({ powers: { hostUsers: true } }),
    { engine: { firewallBackend: null, mapsUsers: true, dataFolder: null } },
    /userns_mode host/,
    'userns_mode: "" # in place of host',
  ],
  [
    "the host's network",
    'host-network',
    { containers: [{ name: 'node', mode: 'host' }] },
    {},
    'node: network_mode host',
    'networks: [default] # in place of network_mode: host',
  ],
  [
    'macvlan',
    'past-the-host',
    one({ on: ['lan'] }),
    {},
    'app/app (app-app-1): on lan, driver macvlan',
    'docker network disconnect lan app-app-1',
  ],
  [
    'lookups from the host',
    'dns-from-host',
    one({ lookupsFromHost: true }),
    {},
    'app/app (app-app-1): no dns of its own, engine 28.5.2',
    'dns: ["192.168.100.2"]',
  ],
  [
    'lookups, and no resolver to name',
    'dns-from-host',
    one({ lookupsFromHost: true }),
    { nameservers: [] },
    /no dns/,
    'dns: [ADDRESS]',
  ],
  [
    'a port on every address',
    'published-everywhere',
    one({ published: ['3000:80/tcp'] }),
    { proxies: [proxy] },
    'app/app (app-app-1): 3000:80/tcp',
    'ports: ["127.0.0.1:3000:80/tcp"]',
  ],
  [
    'a port on every IPv6 address',
    'published-everywhere',
    one({ published: ['[::]:3000:80/tcp'] }),
    { proxies: [{ ...proxy, address: '::' }] },
    /3000:80/,
    'ports: ["127.0.0.1:3000:80/tcp"]',
  ],
  [
    'a nearly full table',
    'conntrack-full',
    {},
    { conntrack: { count: 900, max: 1000, liberal: false } },
    '900 of 1000 conversations',
    'sysctl -w net.netfilter.nf_conntrack_max=2000',
  ],
  [
    'a liberal kernel',
    'conntrack-liberal',
    {},
    { conntrack: { count: 1, max: 1000, liberal: true } },
    /be_liberal = 1/,
    'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0',
  ],
  [
    'a service that flushes',
    'flushed-at-reload',
    {},
    { flushers: [flusher] },
    '/etc/nftables.conf:3: flush ruleset',
    'systemctl disable nftables.service',
  ],
  [
    'firewalld by iptables',
    'firewalld-empties',
    {},
    { rules: firewalls('firewalld-iptables.iptables-save') },
    /^filter: \d+ chains, such as \w+$/m,
    '/etc/firewalld/firewalld.conf: FirewallBackend=nftables',
  ],
];

test.each(['firewalld-nftables.nft', 'ufw.iptables-save'])('%s takes away nobody’s rules', (name) => {
  const findings = examine(factsOf({}, { rules: firewalls(name) }), checks);
  expect(findings.map(({ code }) => code)).not.toContain('firewalld-empties');
});

test.each(found)('%s is %s', (_what, code, sketch, more, seen, mend) => {
  const findings = examine(factsOf(sketch, more), checks);
  // rules that nobody keeps may have been edited: the one comes with the other
  expect(findings.map((finding) => finding.code)).toEqual(code === 'altered-tables' ? [code, 'no-daemon'] : [code]);
  const [finding] = findings;
  if (typeof seen === 'string') expect(finding?.seen).toContain(seen);
  else expect(finding?.seen.join('\n')).toMatch(seen);
  const lines = finding?.mend.lines.map(({ text }) => text) ?? [];
  if (mend === '') expect(lines).toEqual([]);
  else if (typeof mend !== 'string') expect(lines.join('\n')).toMatch(mend);
  else expect(lines).toContain(mend);
});

const mapped: Partial<Facts> = { engine: { firewallBackend: null, mapsUsers: true, dataFolder: null } };

const quiet: readonly [string, Partial<WorldSketch>, Partial<Facts>][] = [
  ['a host where nothing is wrong', {}, {}],
  [
    'a container that does not run',
    one({
      running: false,
      lookupsFromHost: true,
      powers: { privileged: true, capabilities: ['NET_ADMIN'], engineSockets: ['/'] },
    }),
    {},
  ],
  ['who is to be audited and cannot be', {}, { unheld: [unheld('audit')] }],
  ['the engine’s socket, of whoever has no users of the host', one({ powers: { engineSockets: ['/run'] } }), mapped],
  ['a capability, of whoever has no users of the host', one({ powers: { capabilities: ['SYS_ADMIN'] } }), mapped],
  ['a file of the host, of whoever has no users of the host', bound('/etc'), mapped],
  ['a file of the host for reading', bound('/etc', false), {}],
  ['a folder beside those of the host', bound('/etcetera'), {}],
  ['the policy for reading', bound('/etc/sluice', false), {}],
  ['a volume of an unknown driver', ofVolume, volumes({ o: 'bind', device: '/' }, 'plugin')],
  ['a volume of a folder of no interest', ofVolume, volumes({ o: 'bind', device: '/srv' })],
  ['a volume in memory', ofVolume, volumes({ type: 'tmpfs', device: 'tmpfs' })],
  ['a volume that nobody knows', ofVolume, {}],
  ['an engine that asks for certificates', {}, api('tcp://0.0.0.0:2376', false, true)],
  ['an engine on the loopback', {}, api('tcp://127.0.0.1:2375', true)],
  ['a log to the host itself', logging('syslog', 'unixgram:///dev/log'), {}],
  ['a log to a collector on the host', logging('fluentd', '127.0.0.1:24224'), {}],
  ['a log to the loopback by IPv6', logging('gelf', 'udp://[::1]:12201'), {}],
  ['a log to where the driver sends by itself', logging('syslog', null), {}],
  ['a log of a plugin', logging('acme/logs:1', 'tcp://192.0.2.1:1'), {}],
  ['a mount that is no socket', bound('/srv/data'), { sockets: [] }],
  ['an interface of no network of the engine', {}, { routesLoopback: ['eth0'] }],
  ['a capability of no interest', one({ powers: { capabilities: ['SYS_NICE'] } }), {}],
  ['NET_ADMIN over users of its own alone', one({ powers: { capabilities: ['NET_ADMIN'] } }), mapped],
  ['NET_ADMIN, where the kernel says so', one({ powers: { capabilities: ['NET_ADMIN'], mapped: true } }), {}],
  ['a way out that is short, for who may not write frames', {}, short({ dropped: ['NET_RAW'] })],
  ['a way out that is short, for who may nothing', {}, short({ dropped: ['ALL'] })],
  ['a way out as short as what a container sends', {}, short({}, 1420)],
  [
    'a daemon that does not say',
    {},
    { ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: null } } },
  ],
  ["the host's users, where none are mapped", one({ powers: { hostUsers: true } }), {}],
  [
    'a port on one address',
    one({ published: ['127.0.0.1:3000:80/tcp'] }),
    { proxies: [{ ...proxy, address: '127.0.0.1' }] },
  ],
  ['a port that no docker-proxy answers on', one({ published: ['3000:80/tcp'] }), {}],
  ['another protocol behind docker-proxy', one({ published: ['3000:80/udp'] }), { proxies: [proxy] }],
  ['a table with room', {}, { conntrack: { count: 899, max: 1000, liberal: false } }],
  [
    'one that could not be looked at',
    {},
    {
      world: null,
      engine: null,
      ours: null,
      unheld: null,
      nameservers: null,
      conntrack: null,
      proxies: null,
      writable: null,
      volumes: null,
      api: null,
      routesLoopback: null,
      sockets: null,
      flushers: null,
      rules: null,
      bridgeCalls: null,
    },
  ],
];

test.each(quiet)('nothing is found of %s', (_what, sketch, more) => {
  expect(examine(factsOf(sketch, more), checks)).toEqual([]);
});

test('who is told as not held is not told of twice', () => {
  const host = { containers: [{ name: 'app-app-1', workload: 'app/app', mode: 'host' as const }] };
  const codes = (wanted: 'enforce' | 'audit') =>
    examine(factsOf(host, { unheld: [unheld(wanted)] }), checks).map(({ code }) => code);
  expect(codes('enforce')).toEqual(['not-held']);
  expect(codes('audit')).toEqual(['host-network']);
});

test('who shares a network with one that has the host’s has the host’s', () => {
  const containers = [
    { name: 'a', mode: 'host' as const },
    { name: 'b', mode: 'container:a' as const },
  ];
  expect(examine(factsOf({ containers }), checks)[0]?.seen).toEqual(['a: network_mode host', 'b: network_mode host']);
});

test('an engine on the loopback is open to whoever has the host’s network', () => {
  const findings = examine(
    factsOf({ containers: [{ name: 'a', mode: 'host' }] }, api('tcp://127.0.0.1:2375', true)),
    checks,
  );
  expect(findings.map(({ code }) => code)).toEqual(['engine-on-network', 'host-network']);
  expect(findings[0]?.seen).toEqual(["dockerd listens on tcp://127.0.0.1:2375, which a reaches on the host's network"]);
});

test('who may trace the processes of the host is the host', () => {
  const powers = { hostProcesses: true, capabilities: ['SYS_PTRACE'] };
  const findings = examine(factsOf(one({ powers })), checks);
  expect(findings.map(({ code }) => code)).toEqual(['privileged', 'host-processes']);
  expect(findings[0]?.seen).toEqual(['app/app (app-app-1): pid host with cap_add SYS_PTRACE']);
});

test('a socket of the host below its root is of the mount that is there', () => {
  const codesOf = (o: string) =>
    examine(factsOf(ofVolume, volumes({ o, device: '/' })), checks).map(({ code }) => code);
  expect(codesOf('bind')).toEqual(['host-files']);
  expect(codesOf('ro,rbind')).toEqual(['engine-socket', 'host-files']);
});

test('who shares a network shares its resolvers, and is named beside its owner', () => {
  const containers = [
    { name: 'a', on: ['app_default'], lookupsFromHost: true as const },
    { name: 'b', mode: 'container:a' as const, lookupsFromHost: true as const },
  ];
  expect(examine(factsOf({ containers }), checks)[0]?.seen).toEqual([
    'a: no dns of its own, engine 28.5.2',
    'b: the resolvers of the container whose network it uses',
  ]);
});

test('the worst comes first', () => {
  const findings = examine(
    factsOf(one({ powers: { privileged: true }, lookupsFromHost: true, published: ['3000:80/tcp'] }), {
      proxies: [proxy],
    }),
    checks,
  );
  expect(findings.map(({ code }) => code)).toEqual(['privileged', 'dns-from-host', 'published-everywhere']);
});

test('every check has a case here, a file of its name and a code of its own', () => {
  const codes = checks.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect([...new Set([...found, ...ruleCases].map(([, code]) => code))].toSorted()).toEqual(codes.toSorted());
  const files = readdirSync(join(import.meta.dirname, '../../src/doctor/checks')).map((file) =>
    file.replace('.ts', ''),
  );
  expect(files).toEqual(expect.arrayContaining(codes));
});

/** Rules as iptables-save prints them, of one of the kernel's engines. */
const filter = (
  lines: readonly string[],
  { policy = 'DROP', engine = 'nf_tables', program = 'iptables', chains = [] as readonly string[] } = {},
) =>
  [
    `# Generated by ${program}-save v1.8.9 (${engine}) on Mon Nov 23 14:02:00 2026`,
    '*filter',
    ':INPUT ACCEPT [0:0]',
    `:FORWARD ${policy} [0:0]`,
    ':OUTPUT ACCEPT [0:0]',
    ...['DOCKER', 'DOCKER-ISOLATION-STAGE-1', 'DOCKER-ISOLATION-STAGE-2', 'DOCKER-USER', ...chains].map(
      (name) => `:${name} - [0:0]`,
    ),
    ...lines.map((line) => `-A ${line}`),
    'COMMIT',
    '',
  ].join('\n');
const bridge = 'br-000000abc001'; // app_default of buildWorld
const user = 'FORWARD -j DOCKER-USER';
const isolation = 'FORWARD -j DOCKER-ISOLATION-STAGE-1';
const out = `FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT`;
const back = 'DOCKER-USER -j RETURN';
const stop = 'DOCKER-USER -s 172.20.0.0/16 -d 10.0.0.0/8 -j DROP';
const own = 'DOCKER-OUTBOUND-FILTER';

const ruled = (text: string, sketch: Partial<WorldSketch> = {}, more: Partial<Facts> = {}) => {
  const facts = factsOf(sketch, more);
  return { ...facts, rules: explainListing(readListing(text), facts.world) };
};
const routes = { bridgeCalls: new Map([[bridge, { ip: false, ip6: false }]]) };
const netfilter = (on: boolean | null) => {
  const { world } = factsOf();
  return world === null
    ? {}
    : { world: { ...world, host: { ...world.host, bridgeNetfilter: on === null ? null : { ip: on, ip6: on } } } };
};
const six: Partial<WorldSketch> = {
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'app_default', subnets: ['172.20.0.0/16', 'fd00:20::/64'], ipv6: true },
  ],
};
const icc = `FORWARD -i ${bridge} -o ${bridge} -j DROP`;

const ruleCases: [string, string, Facts, string, string][] = [
  [
    'a filter below an accept',
    'outranked-filter',
    ruled(
      filter([user, isolation, out, `FORWARD -j ${own}`, `${own} -s 172.20.0.0/16 -d 192.168.0.0/16 -j DROP`, back], {
        chains: [own],
      }),
    ),
    `filter FORWARD 3: -i ${bridge} ! -o ${bridge} -j ACCEPT lets out all that ${bridge} (app_default) sends`,
    `iptables-nft -I FORWARD 1 -j ${own}`,
  ],
  [
    'a rule that stops, below an accept',
    'outranked-filter',
    ruled(
      filter([
        user,
        isolation,
        out,
        `FORWARD -i ${bridge} -d 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable`,
        back,
      ]),
    ),
    `filter FORWARD 4: -i ${bridge} -d 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable comes after that`,
    `iptables-nft -D FORWARD -i ${bridge} -d 10.0.0.0/8 -j REJECT --reject-with icmp-port-unreachable`,
  ],
  [
    'a jump to DOCKER-USER below an accept',
    'docker-user-bypassed',
    ruled(filter([isolation, out, user, stop, back])),
    'filter DOCKER-USER 1: -s 172.20.0.0/16 -d 10.0.0.0/8 -j DROP',
    'iptables-nft -I FORWARD 1 -j DOCKER-USER',
  ],
  [
    'no jump to DOCKER-USER',
    'docker-user-bypassed',
    ruled(filter([isolation, out, stop, back])),
    'filter FORWARD has no jump to DOCKER-USER',
    'iptables-nft -I FORWARD 1 -j DOCKER-USER',
  ],
  [
    'what was appended to DOCKER-USER',
    'docker-user-dead',
    ruled(filter([user, isolation, out, back, stop])),
    'filter DOCKER-USER 2: -s 172.20.0.0/16 -d 10.0.0.0/8 -j DROP is behind it',
    'iptables-nft -I DOCKER-USER 1 -s 172.20.0.0/16 -d 10.0.0.0/8 -j DROP',
  ],
  [
    'what no shell may see is told in words',
    'docker-user-dead',
    ruled(filter([user, isolation, out, back, 'DOCKER-USER -m comment --comment "$(reboot)" -j DROP'])),
    'filter DOCKER-USER 1: -j RETURN lets nothing past',
    'move rule 2 before rule 1: -m comment --comment "$(reboot)" -j DROP',
  ],
  [
    'rules of both engines',
    'two-rule-engines',
    ruled(filter([user, isolation, out, back]) + filter(['FORWARD -i eth1 -j DROP'], { engine: 'legacy' })),
    'iptables-legacy: 1 rule in filter',
    'iptables-legacy-save',
  ],
  [
    'unpublished ports',
    'unpublished-open',
    ruled(filter([user, isolation, out, back], { policy: 'ACCEPT' })),
    `${bridge} (app_default)`,
    'iptables-nft -P FORWARD DROP',
  ],
  [
    'icc off without br_netfilter',
    'bridge-rules-idle',
    ruled(filter([user, isolation, out, back, icc]), {}, { ...netfilter(false), ...routes }),
    'net.bridge.bridge-nf-call-iptables = 0',
    'sysctl -w net.bridge.bridge-nf-call-iptables=1',
  ],
  [
    'icc off without the module',
    'bridge-rules-idle',
    ruled(filter([user, isolation, out, back, icc]), {}, { ...netfilter(null), ...routes }),
    'br_netfilter is not loaded',
    'modprobe br_netfilter',
  ],
  [
    'IPv6 without rules',
    'ip6-unmanaged',
    ruled(filter([user, isolation, out, back]), six),
    "app_default (br-000000abc001) has IPv6; ip6tables has no chain of Docker's",
    '/etc/docker/daemon.json: "ip6tables": true (up to 26 with "experimental": true)',
  ],
  [
    'an engine that says nftables',
    'backend-mismatch',
    ruled(
      filter([user, isolation, out, back]),
      {},
      { engine: { firewallBackend: 'nftables', mapsUsers: false, dataFolder: null } },
    ),
    'engine 28.5.2 says nftables',
    '/etc/docker/daemon.json: "firewall-backend": "iptables"; no DOCKER_FIREWALL_BACKEND',
  ],
];

const offloading = (devices: string, rule: string) => `table inet fast {
\tflowtable f {
\t\thook ingress priority filter
\t\tdevices = { ${devices} }
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\t${rule}
\t}
}
`;
ruleCases.push([
  'a flowtable with a bridge',
  'flowtable',
  ruled(offloading(`"${bridge}", eth0`, 'meta l4proto { tcp, udp } flow add @f')),
  `flowtable f of inet fast has ${bridge}`,
  '',
]);

test.each(ruleCases)('of rules: %s is %s', (_what, code, facts, seen, mend) => {
  const findings = examine(facts, checks);
  expect(findings.map((finding) => finding.code)).toEqual([code]);
  expect(findings[0]?.seen).toContain(seen);
  const lines = findings[0]?.mend.lines.map(({ text }) => text) ?? [];
  if (mend === '') expect(lines).toEqual([]);
  else expect(lines).toContain(mend);
});

const quietRules: readonly [string, Facts][] = [
  ['rules as Docker makes them', ruled(filter([user, isolation, out, back]))],
  [
    "Sluice's own rules in the other engine, and its chain of the article's name below an accept",
    ruled(
      filter([user, isolation, out, back]) +
        filter([out, `FORWARD -j ${own}`, `${own} -m mark --mark 0x1 -g ${own.replace('FILTER', 'tell')}`], {
          engine: 'legacy',
          chains: [own, own.replace('FILTER', 'tell')],
        }).replace(`-A ${out}\n`, ''),
    ),
  ],
  [
    'a rule of another interface below an accept',
    ruled(filter([user, isolation, out, 'FORWARD -i eth1 -j DROP', back])),
  ],
  [
    'a filter of another network below an accept',
    ruled(
      filter([user, isolation, out, `FORWARD -j ${own}`, `${own} -s 172.17.0.0/16 -j DROP`, back], { chains: [own] }),
    ),
  ],
  [
    'a filter on top',
    ruled(
      filter([`FORWARD -j ${own}`, user, isolation, out, `${own} -s 172.20.0.0/16 -j DROP`, back], { chains: [own] }),
    ),
  ],
  [
    'a chain that stops nothing below an accept',
    ruled(
      filter([user, isolation, out, 'FORWARD -j MARKS', 'MARKS -j MARK --set-mark 1', back], { chains: ['MARKS'] }),
    ),
  ],
  ['an empty DOCKER-USER that nothing leads to', ruled(filter([isolation, out, back]))],
  ['a RETURN after the RETURN', ruled(filter([user, isolation, out, back, back]))],
  ['a RETURN with a condition', ruled(filter([user, isolation, out, 'DOCKER-USER -i eth1 -j RETURN', stop]))],
  ['an empty table on the other side', ruled(filter([user, isolation, out, back]) + filter([], { engine: 'legacy' }))],
  [
    'policy ACCEPT, and a rule of somebody’s that stops',
    ruled(filter([user, isolation, out, `FORWARD -o ${bridge} -j DROP`, back], { policy: 'ACCEPT' })),
  ],
  [
    'policy ACCEPT, and nobody there',
    ruled(filter([user, isolation, out, back], { policy: 'ACCEPT' }), { containers: [] }),
  ],
  [
    'icc off with br_netfilter',
    ruled(filter([user, isolation, out, back, icc]), {}, { ...netfilter(true), ...routes }),
  ],
  [
    'icc off with the bridge’s own switch',
    ruled(
      filter([user, isolation, out, back, icc]),
      {},
      { ...netfilter(false), bridgeCalls: new Map([[bridge, { ip: true, ip6: true }]]) },
    ),
  ],
  [
    'IPv6 with rules',
    ruled(filter([user, isolation, out, back]) + filter([user, isolation, out, back], { program: 'ip6tables' }), six),
  ],
  ['a flowtable that nothing is added to', ruled(offloading(`"${bridge}"`, 'meta l4proto tcp accept'))],
  ['a flowtable of other interfaces', ruled(offloading('eth0, wg0', 'meta l4proto tcp flow add @f'))],
  ['a flowtable that another is added to', ruled(offloading(`"${bridge}"`, 'meta l4proto tcp flow add @ff'))],
  [
    'an engine that says iptables',
    ruled(
      filter([user, isolation, out, back]),
      {},
      { engine: { firewallBackend: 'iptables+firewalld', mapsUsers: false, dataFolder: null } },
    ),
  ],
];

test.each(quietRules)('of rules nothing is found: %s', (_what, facts) => {
  expect(examine(facts, checks).map(({ code }) => code)).toEqual([]);
});

test("the article's last listing, alone", () => {
  const text = readFileSync(join(import.meta.dirname, '../packetpath/fixtures/article-outranked.txt'), 'utf8');
  const facts = { ...factsOf(), world: null, rules: explainListing(readListing(text), null) };
  const [finding, ...more] = examine(facts, checks);
  expect(more).toEqual([]);
  expect(finding).toMatchObject({ code: 'outranked-filter', severity: 'critical' });
  expect(finding?.seen[0]).toMatch(/^filter FORWARD 5: ACCEPT .* lets out all that br-c4d330f8b3c3 sends$/);
  expect(finding?.seen[1]).toMatch(/^filter FORWARD 7: .*DOCKER-OUTBOUND-FILTER .* comes after that$/);
  expect(finding?.seen[2]).toBe('the listing does not show what is in DOCKER-OUTBOUND-FILTER');
  expect(finding?.mend.lines.map((line) => line.text)).toEqual([
    'iptables -D FORWARD -j DOCKER-OUTBOUND-FILTER',
    'iptables -I FORWARD 1 -j DOCKER-OUTBOUND-FILTER',
  ]);
});

test.each(['article-engine-started', 'article-compose-up', 'article-two-projects'])(
  'nothing is wrong with the listing %s of the article',
  (name) => {
    const text = readFileSync(join(import.meta.dirname, `../packetpath/fixtures/${name}.txt`), 'utf8');
    const facts = { ...factsOf(), world: null, rules: explainListing(readListing(text), null) };
    expect(examine(facts, checks)).toEqual([]);
  },
);

test('docs/doctor.md is what the checks make it', () => {
  expect(readFileSync(doctorPage, 'utf8')).toBe(doctorReference());
});
