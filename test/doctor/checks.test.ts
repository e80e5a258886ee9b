import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doctorPage, doctorReference } from '../../scripts/doctor-reference.ts';
import { checks } from '../../src/doctor/checks.ts';
import type { Facts } from '../../src/doctor/facts.ts';
import { examine } from '../../src/doctor/finding.ts';
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

const found: readonly [string, string, Partial<WorldSketch>, Partial<Facts>, string | RegExp, string][] = [
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
    { ours: { standing: false, altered: null, daemon: { troubles: [] } } },
    'table inet sluice is not there',
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
        daemon: { troubles: [{ message: 'the engine is gone', fix: 'start it' }] },
      },
    },
    'the engine is gone',
    '',
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
    { engine: { firewallBackend: null, mapsUsers: true } },
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
];

test.each(found)('%s is %s', (_what, code, sketch, more, seen, mend) => {
  const findings = examine(factsOf(sketch, more), checks);
  // rules that nobody keeps may have been edited: the one comes with the other
  expect(findings.map((finding) => finding.code)).toEqual(code === 'altered-tables' ? [code, 'no-daemon'] : [code]);
  const [finding] = findings;
  if (typeof seen === 'string') expect(finding?.seen).toContain(seen);
  else expect(finding?.seen.join('\n')).toMatch(seen);
  const lines = finding?.mend.lines.map(({ text }) => text) ?? [];
  if (mend === '') expect(lines).toEqual([]);
  else expect(lines).toContain(mend);
});

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
  ['a capability of no interest', one({ powers: { capabilities: ['SYS_NICE'] } }), {}],
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
      flushers: null,
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
  expect([...new Set(found.map(([, code]) => code))].toSorted()).toEqual(codes.toSorted());
  const files = readdirSync(join(import.meta.dirname, '../../src/doctor/checks')).map((file) =>
    file.replace('.ts', ''),
  );
  expect(files).toEqual(expect.arrayContaining(codes));
});

test('docs/doctor.md is what the checks make it', () => {
  expect(readFileSync(doctorPage, 'utf8')).toBe(doctorReference());
});
