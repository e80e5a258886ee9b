import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TimerOrder } from '../../src/cli/confirm/order.ts';
import { serveTimer } from '../../src/cli/confirm/timer.ts';
import { CliError } from '../../src/cli/error.ts';
import { commandSpecs } from '../../src/cli/specs.ts';
import type { Status } from '../../src/control/protocol.ts';
import { fakeDaemon } from './daemon.ts';
import { FakeHost } from './fakes.ts';
import { expectScreen } from './golden.ts';
import { articleHost, articlePolicy, articleWorld, configured, mightyWorld, ssh, worldOf } from './hosts.ts';

process.env['TZ'] = 'UTC'; // clock times are the host's

/** A host with a network of each driver. */
const networked = async (policy = articlePolicy): Promise<FakeHost> => {
  const host = articleHost(policy);
  const bridge = 'com.docker.network.bridge.';
  const options = {
    [`${bridge}enable_icc`]: 'false',
    [`${bridge}gateway_mode_ipv6`]: 'routed',
    [`${bridge}host_binding_ipv4`]: '127.0.0.1',
    [`${bridge}enable_ip_masquerade`]: 'false',
  };
  host.world = worldOf({
    ...articleWorld,
    networks: [
      ...articleWorld.networks,
      {
        name: 'app_back',
        subnets: ['172.23.0.0/16', 'fd00:23::/64'],
        project: 'app',
        internal: true,
        ipv6: true,
        options,
      },
      { name: 'host', subnets: [], driver: 'host' },
      {
        name: 'lan',
        subnets: ['192.168.1.0/24'],
        driver: 'macvlan',
        options: { parent: 'eth0' },
        routers: ['192.168.1.1'],
      },
      { name: 'mesh', subnets: ['10.0.9.0/24'], driver: 'overlay' },
      { name: 'none', subnets: [], driver: 'null' },
      { name: 'weave', subnets: ['10.32.0.0/12'], driver: 'weaveworks/net-plugin:latest' },
    ].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    containers: [
      ...articleWorld.containers,
      {
        name: 'app-batch-1',
        workload: 'app/batch',
        on: ['app_back', 'app_default'],
        published: ['127.0.0.1:81:81/udp'],
      },
      { name: 'app-camera-1', workload: 'app/camera', on: ['lan'] },
      { name: 'app-old-1', workload: 'app/old', on: ['app_default'], running: false },
      { name: 'sidecar', mode: 'container:app-app-1' },
      { name: 'silent', mode: 'none' },
    ],
  });
  return host;
};

/** A host with much to look at. */
const ailing = async (): Promise<FakeHost> => {
  const host = await applied();
  host.files.write(configured, articlePolicy, { mode: 0o666 });
  const number = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
  host.world = worldOf({
    ...articleWorld,
    networks: [...articleWorld.networks, { name: 'lan', subnets: ['192.168.1.0/24'], driver: 'macvlan' }],
    containers: [
      ...articleWorld.containers,
      { name: 'app-camera-1', workload: 'app/camera', on: ['lan'] },
      { name: 'portainer-2', on: ['bridge'], powers: { engineSockets: ['/var/run/docker.sock'] } },
      { name: 'vpn', on: ['bridge', 'lan'], powers: { capabilities: ['NET_ADMIN'] } },
      ...number(12).map((at) => ({ name: `web-${at}`, on: ['shop_default'], lookupsFromHost: true as const })),
    ],
  });
  host.host.table = { count: 250_000, max: 262_144, liberal: true };
  host.host.listeners = [{ process: 812, protocol: 'tcp', address: '0.0.0.0', port: 3000 }];
  return host;
};

interface Scene {
  readonly args: readonly string[];
  readonly host?: () => FakeHost | Promise<FakeHost>;
  readonly columns?: number;
}

const applied = async (policy?: string): Promise<FakeHost> => {
  const host = articleHost(policy);
  const { code, err } = await host.sluice(['apply']);
  if (code !== 0) throw new Error(err);
  return host;
};

/** A host with an applied policy, and another in its file. */
const changed = async (before: string, after: string): Promise<FakeHost> => {
  const host = await applied(before);
  host.files.write(configured, after);
  return host;
};

const looser = articlePolicy.replace('internet]', 'internet, "192.168.5.5:22"]').replace('["192.168.5.5:22", ', '[');
const broken = articlePolicy
  .replace('http-proxy, resolver', 'http-proxi, resolver')
  .replace('deny: [cloud-metadata]', 'deny: []');
const named = (rest: string) => `version: 1\nprojects:\n  app: { allow: [same-project, dns] }\n${rest}`;

/** Labels that ask for more than they may, and labels that cannot be read. */
const labelled = (): FakeHost => {
  const host = articleHost(named(''));
  host.world = worldOf({
    ...articleWorld,
    containers: [
      { name: 'app-app-1', workload: 'app/app', on: ['app_default'], labels: { 'sluice.allow': 'internet:443' } },
      { name: 'stray', on: ['app_default'], labels: { 'sluice.allow': 'interne dns', 'sluice.alow': 'dns' } },
    ],
  });
  return host;
};

/** `sluice explain` with these words, on a host that holds the policy. */
const explained = (words: string, policy?: string): Scene => ({
  args: ['explain', ...words.split(' ')],
  host: () => applied(policy),
});

/** A host whose daemon holds the article's policy, and another one in its file where it is named. */
const watched = async (after = articlePolicy): Promise<FakeHost> => {
  const host = await changed(articlePolicy, after);
  host.daemon = fakeDaemon(host);
  return host;
};

/** A change that nobody confirmed. */
const wentBack = async (): Promise<FakeHost> => {
  const host = await changed(articlePolicy, looser);
  await host.sluice(['apply', '--confirm', '60s']);
  await serveTimer(host.orders[0] as TimerOrder, host.ports(), () => {});
  return host;
};

const scenes: Readonly<Record<string, Scene>> = {
  'check-good': { args: ['check'] },
  'check-errors': { args: ['check'], host: () => articleHost(broken) },
  'check-errors-after-apply': { args: ['check'], host: () => changed(articlePolicy, broken) },
  'check-failing-test': { args: ['check'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
  'apply-first': { args: ['apply'] },
  'apply-again': { args: ['apply'], host: () => applied() },
  'apply-errors': { args: ['apply'], host: () => changed(articlePolicy, broken) },
  'apply-tighter': {
    args: ['apply'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.kernel.flows = [ssh];
      return host;
    },
  },
  'apply-looser-dry-run': { args: ['apply', '--dry-run'], host: () => changed(articlePolicy, looser) },
  'apply-one-is-gone': {
    args: ['apply'],
    host: async () => {
      const host = await applied();
      const containers = articleWorld.containers?.filter(({ name }) => name !== 'app-mongo-1' && name !== 'portainer');
      host.world = worldOf({ ...articleWorld, containers: containers ?? [] });
      return host;
    },
  },
  'apply-mode': {
    args: ['apply'],
    host: () => changed(articlePolicy, articlePolicy.replace('mode: enforce', 'mode: audit')),
  },
  'apply-not-enforceable': {
    args: ['apply'],
    host: () => articleHost(named('containers:\n  node-exporter: { allow: ["10.0.0.5:9100"] }\n')),
  },
  'apply-broken-state': {
    args: ['apply'],
    host: async () => {
      const host = await applied();
      host.files.write('/var/lib/sluice/applied.json', '{}\n{}\n');
      return host;
    },
  },
  'apply-refused-labels': { args: ['apply'], host: () => labelled() },
  'apply-can-undo': { args: ['apply'], host: () => Object.assign(articleHost(), { world: mightyWorld }) },
  'plan-can-undo': { args: ['plan'], host: () => Object.assign(articleHost(), { world: mightyWorld }) },
  'apply-confirm': { args: ['apply', '--confirm', '60s'], host: () => changed(articlePolicy, looser) },
  'apply-confirm-first': { args: ['apply', '--confirm', '5m'] },
  'apply-confirm-nothing-new': { args: ['apply', '--confirm', '60s'], host: () => applied() },
  'apply-through-daemon': { args: ['apply'], host: () => watched(looser) },
  'apply-daemon-refuses': {
    args: ['apply'],
    host: async () => {
      const host = await watched(looser);
      host.daemon = {
        ...fakeDaemon(host),
        apply: async () => ({ ok: false, code: 'kernel-refused', message: 'nft refused: no memory' }),
      };
      return host;
    },
  },
  plan: {
    args: ['plan'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.kernel.flows = [
        { ...ssh, since: host.now - 7_500_000 },
        { ...ssh, container: 'app-mongo-1' },
      ];
      return host;
    },
  },
  'plan-nothing': { args: ['plan'], host: () => applied() },
  'plan-not-root': {
    args: ['plan'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.user = { uid: 1000, gid: 1000 };
      host.kernel.blind = true;
      return host;
    },
  },
  'plan-errors': { args: ['plan'], host: () => changed(articlePolicy, broken) },
  'plan-not-enforceable': {
    args: ['plan'],
    host: () => articleHost(named('containers:\n  node-exporter: { allow: ["10.0.0.5:9100"] }\n')),
  },
  confirm: {
    args: ['confirm'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply', '--confirm', '60s']);
      return host;
    },
  },
  'confirm-nothing': { args: ['confirm'], host: () => applied() },
  'confirm-too-late': { args: ['confirm'], host: wentBack },
  rollback: {
    args: ['rollback'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply']);
      return host;
    },
  },
  'rollback-to-nothing': { args: ['rollback'], host: () => applied() },
  'rollback-nothing-before': { args: ['rollback'] },
  status: { args: ['status'], host: () => watched() },
  'status-120-columns': { args: ['status'], host: () => watched(), columns: 120 },
  'status-degraded': {
    args: ['status'],
    host: async () => {
      const host = await watched(broken);
      const facts: Partial<Status> = {
        state: 'degraded',
        filesDiffer: true,
        troubles: [
          {
            code: 'policy-bad',
            message: [
              '/etc/sluice/policy.yaml:6:10  SL1301  an empty list says nothing; leave the key out',
              '/etc/sluice/policy.yaml:10:27  SL1204  unknown group "http-proxi"; did you mean "http-proxy"?',
            ].join('\n'),
            fix: 'mend it (sluice check shows where), then sluice apply; the last good policy stays in force',
            since: host.now - 60_000,
          },
          {
            code: 'engine-gone',
            message: 'the engine does not answer',
            fix: 'systemctl status docker',
            since: host.now,
          },
        ],
        unheld: [
          {
            workload: 'container/node-exporter',
            container: 'node-exporter',
            reason: 'it is on the host network',
            fix: 'give it a network of its own',
          },
        ],
        refused: [{ workload: 'app/app', message: 'sluice.allow asks for "any", which the file does not allow' }],
      };
      host.daemon = fakeDaemon(host, facts);
      return host;
    },
  },
  'status-can-undo': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const undoing = { code: 'net-admin', message: 'has NET_ADMIN: it can put itself past every hook' };
      const canUndo = [1, 2].map((at) => ({ workload: 'app/app', container: `app-app-${at}`, ...undoing }));
      host.daemon = fakeDaemon(host, { canUndo, lastLine: 'taken' });
      return host;
    },
  },
  'status-repairs': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const repair = (at: number) => ({
        at: host.now - at * 3_600_000,
        took: 12.4,
        by: { process: 4711, name: 'nft' },
        tables: ['inet sluice', 'bridge sluice'],
      });
      host.daemon = fakeDaemon(host, { repairs: [1, 2, 3, 30, 40, 50, 60].map(repair) });
      return host;
    },
  },
  'status-denying': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const trouble = {
        code: 'denying-all',
        message: 'no policy can be read, so nothing leaves a Docker bridge',
        fix: 'write a good policy: sluice check',
        since: host.now,
      } as const;
      host.daemon = fakeDaemon(host, { state: 'degraded', policy: null, troubles: [trouble], workloads: [] });
      return host;
    },
  },
  'status-pending': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      host.daemon = fakeDaemon(host, { pending: { digest: 'd', until: host.now + 47_000 } });
      return host;
    },
  },
  'status-without-daemon': { args: ['status'], host: () => applied() },
  'status-overdue': {
    args: ['status'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply', '--confirm', '60s']);
      host.now += 600_000;
      return host;
    },
  },
  'status-nothing': { args: ['status'] },
  'down-with-daemon': {
    args: ['down'],
    host: async () => {
      const host = await watched();
      host.daemon = fakeDaemon(host);
      return host;
    },
  },
  run: { args: ['run'] },
  ps: { args: ['ps'], host: () => applied() },
  'ps-120-columns': { args: ['ps'], host: () => applied(), columns: 120 },
  'ps-40-columns': { args: ['ps'], host: () => applied(), columns: 40 },
  'ps-in-a-pipe': { args: ['ps'], host: () => applied(), columns: 0 },
  'ps-not-up-to-date': { args: ['ps'], host: () => changed(articlePolicy, looser) },
  'ps-not-applied': { args: ['ps'] },
  'ps-refused-labels': { args: ['ps'], host: () => labelled() },
  'explain-refused-labels': { args: ['explain', 'app/app', '8.8.8.8:443'], host: () => labelled() },
  'explain-labels-in-error': { args: ['explain', 'stray', '8.8.8.8:443'], host: () => labelled() },
  'ps-failing-test': { args: ['ps'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
  'ps-not-root': {
    args: ['ps'],
    host: () => {
      const host = articleHost();
      host.kernel.standing = async () => null;
      return host;
    },
  },
  'ps-nothing-runs': {
    args: ['ps'],
    host: () => Object.assign(articleHost(), { world: worldOf({ ...articleWorld, containers: [] }) }),
  },
  'explain-denied': explained('app/app 192.168.5.5:22'),
  'explain-denied-120-columns': { ...explained('app/app 192.168.5.5:22'), columns: 120 },
  'explain-allowed': explained('app/app 8.8.8.8:443'),
  'explain-allowed-by-identity': explained('app-app-1 service/mongo:27017'),
  'explain-by-the-name-in-from': explained('app/app app/mongo:27017'),
  'explain-guardrail': explained('app/app 169.254.169.254:80'),
  'explain-wrong-port': explained('app/app 192.168.100.2:53'),
  'explain-partly': explained('app/app 192.168.100.2'),
  'explain-host': explained('app/app host:22'),
  'explain-published-port': explained('app/mongo host:3000'),
  'explain-published-port-denied': explained('app/mongo host:3000', named('').replace('same-project, ', '')),
  'explain-broadcast': explained('app/app 172.20.255.255:137/udp'),
  'explain-vacant-address': explained('app/app 172.20.0.99:80'),
  'explain-a-neighbour-by-address': explained('app/app 172.22.0.2'),
  'explain-a-ping': explained('app/app 172.22.0.2/icmp'),
  'explain-audit': explained('app/app 192.168.5.5:22', articlePolicy.replace('mode: enforce', 'mode: audit')),
  'explain-deny-list': explained(
    'app/app 8.8.8.8:443',
    named('').replace('dns] }', 'internet, dns], deny: ["8.8.8.0/24"] }'),
  ),
  'explain-unmanaged': explained('portainer 192.168.5.5:22'),
  'explain-not-held': explained('node-exporter 192.168.5.5:22'),
  'explain-two-networks': explained('shop/web 192.168.5.5:22'),
  'explain-other-network': explained('shop-web-1 192.168.5.5:22 --network shop_default'),
  'explain-not-in-force': { args: ['explain', 'app/app', '192.168.5.5:22'] },
  'explain-changed-since': {
    args: ['explain', 'app/app', '192.168.5.5:22'],
    host: () => changed(articlePolicy, looser),
  },
  'explain-failing-test': {
    args: ['explain', 'app/app', '192.168.100.1:3128'],
    host: () => changed(articlePolicy, articlePolicy.replace('internet]', 'private]')),
  },
  'explain-nobody': explained('app/ap 192.168.5.5:22'),
  'explain-from-a-project': explained('app 192.168.5.5:22'),
  'explain-from-a-composed-container': explained('container/app-mongo-1 192.168.5.5:22'),
  'explain-to-nobody': explained('app/app app/mngo:27017'),
  'explain-to-a-container': explained('app/app app-mongo-1:27017'),
  'explain-to-an-unknown-group': explained('app/app http-proxi'),
  'explain-to-ports-twice': explained('app/app resolver:53'),
  'explain-bad-destination': explained('app/app 10.1'),
  'explain-bad-service': explained('app/app service/*:80'),
  'explain-dns-name': explained('app/app api.example.com:443'),
  'explain-loopback': explained('app/app 127.0.0.1:80'),
  networks: { args: ['networks'], host: networked },
  'networks-120-columns': { args: ['networks'], host: networked, columns: 120 },
  'networks-40-columns': { args: ['networks'], host: networked, columns: 40 },
  'networks-in-a-pipe': { args: ['networks'], host: networked, columns: 0 },
  'networks-bridge': { args: ['networks', 'app_default'], host: networked },
  'networks-settings': { args: ['networks', 'app_back'], host: networked },
  'networks-macvlan': { args: ['networks', 'lan'], host: networked },
  'networks-host': { args: ['networks', 'host'], host: networked },
  'networks-unknown': { args: ['networks', 'app_defualt'], host: networked },
  'networks-bad-policy': { args: ['networks', 'app_default'], host: () => networked(broken) },
  'networks-without-policy': { args: ['networks'], host: () => new FakeHost(worldOf(articleWorld)) },
  doctor: { args: ['doctor'], host: ailing },
  'doctor-120-columns': { args: ['doctor'], host: ailing, columns: 120 },
  'doctor-40-columns': { args: ['doctor'], host: ailing, columns: 40 },
  'doctor-nothing-found': {
    args: ['doctor'],
    host: async () => {
      const host = await watched();
      host.world = worldOf({
        ...articleWorld,
        containers: articleWorld.containers.filter(({ mode }) => mode !== 'host'),
      });
      return host;
    },
  },
  'doctor-listing': {
    args: ['doctor', '--listing', 'rules.txt'],
    host: () => {
      const host = articleHost();
      const path = join(import.meta.dirname, '../packetpath/fixtures/article-outranked.txt');
      host.files.write('rules.txt', readFileSync(path, 'utf8'));
      return host;
    },
  },
  'doctor-nothing-applied': { args: ['doctor'] },
  'doctor-without-engine': {
    args: ['doctor'],
    host: async () =>
      Object.assign(await watched(), { engineError: new CliError('unable', 'there is no engine', 'start it') }),
  },
  'doctor-not-root': { args: ['doctor'], host: () => Object.assign(articleHost(), { user: { uid: 1000, gid: 1000 } }) },
  test: { args: ['test'] },
  'test-failing': { args: ['test'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
  'render-nft': { args: ['render', '--as', 'nft'] },
  'render-no-form': { args: ['render'] },
  'render-unknown-form': { args: ['render', '--as', 'ufw'] },
  'render-two-files': { args: ['render', '--as', 'iptables-restore'] },
  'render-to-a-folder': { args: ['render', '--as', 'systemd-dropin', '--output', '/etc/systemd/system'] },
  'render-reverse': { args: ['render', '--as', 'iptables-script', '--reverse'] },
  'render-errors': { args: ['render', '--as', 'nft'], host: () => articleHost(broken) },
  'render-nothing-known': {
    args: ['render', '--as', 'nft'],
    host: () => articleHost('version: 1\nprojects: { gone: { allow: none } }\n'),
  },
  'test-none': { args: ['test'], host: () => articleHost(named('')) },
  'test-live': { args: ['test', '--live'], host: () => applied() },
  'test-live-not-applied': { args: ['test', '--live'] },
  'test-live-changed-since': { args: ['test', '--live'], host: () => changed(articlePolicy, looser) },
  'test-live-differs': {
    args: ['test', '--live'],
    host: async () => {
      const host = await applied();
      host.kernel.flaw = ({ port }) =>
        ({ 22: 'accepted' as const, 3128: 'not-seen' as const, 53: 'not-judged' as const })[port];
      return host;
    },
  },
  down: { args: ['down'], host: () => applied() },
  'down-nothing': { args: ['down'] },
  version: { args: ['version'] },
  'version-verbose': { args: ['version', '--verbose'] },
  'version-without-engine': {
    args: ['version', '--verbose'],
    host: () => Object.assign(articleHost(), { engineError: new CliError('unable', 'there is no engine') }),
  },
  help: { args: [] },
  ...Object.fromEntries(commandSpecs.map(({ name }) => [`help-${name}`, { args: [name, '--help'] }])),
  'error-no-policy': { args: ['check'], host: () => new FakeHost(worldOf(articleWorld)) },
  'error-no-engine': {
    args: ['ps'],
    host: () => Object.assign(articleHost(), { engineError: new CliError('unable', 'there is no engine', 'start it') }),
  },
  'error-not-root': { args: ['apply'], host: () => Object.assign(articleHost(), { user: { uid: 1000, gid: 1000 } }) },
  'error-unknown-command': { args: ['chekc'] },
  'error-unknown-option': { args: ['ps', '--al'] },
  'error-missing-argument': { args: ['explain', 'app/app'] },
  'error-remote-engine': { args: ['ps', '--host', 'tcp://10.0.0.1:2375'] },
  'error-a-bug': {
    args: ['ps'],
    host: () => Object.assign(articleHost(), { engineError: new TypeError('x is not a function') }),
  },
};

/** `sluice chains` of a listing of the packet path's tests. */
const listed = (path: string, columns: number, ...more: readonly string[]): Scene => ({
  args: ['chains', '--listing', path.replace(/^.*\//, ''), ...more],
  host: () => {
    const host = articleHost();
    const text = readFileSync(join(import.meta.dirname, '..', 'packetpath', path), 'utf8');
    host.files.write(path.replace(/^.*\//, ''), text);
    return host;
  },
  columns,
});

/** The article's listings, each layout of Docker's rules, and rules of others. */
const chainsScenes: Readonly<Record<string, Scene>> = {
  'chains-article-engine-started': listed('fixtures/article-engine-started.txt', 80),
  'chains-article-compose-up': listed('fixtures/article-compose-up.txt', 80),
  'chains-article-two-projects': listed('fixtures/article-two-projects.txt', 80),
  'chains-article-outranked': listed('fixtures/article-outranked.txt', 80),
  ...Object.fromEntries(
    ['18.03', '20.10', '20.10-no-proxy', '28.0.0', '28.0.1', '28.5', '28.5-gateway-modes', '29', '29-ip6', 'swarm'].map(
      (name) => [`chains-${name}-100-columns`, listed(`purpose/layouts/${name}.rules`, 100)],
    ),
  ),
  'chains-29-nftables-100-columns': listed('purpose/layouts/29-nftables.nft', 100),
  'chains-one-chain': listed('purpose/layouts/20.10.rules', 80, '--chain', 'DOCKER'),
  'chains-one-chain-40-columns': listed('purpose/layouts/20.10.rules', 40, '--table', 'nat', '--chain', 'DOCKER'),
  'chains-no-such-chain': listed('purpose/layouts/28.0.0.rules', 80, '--table', 'raw', '--chain', 'DOCKER'),
  'chains-in-a-pipe': listed('purpose/layouts/20.10.rules', 0, '--table', 'nat'),
  'chains-listed-twice': {
    args: ['chains', '--listing', '-'],
    host: () => {
      const save = [
        '# Generated by iptables-save v1.8.11 (nf_tables)',
        '*filter',
        ':FORWARD DROP [0:0]',
        '-A FORWARD -i br1 -j ACCEPT',
        'COMMIT',
        '',
      ];
      const nft = [
        'table ip filter {',
        'chain FORWARD {',
        'type filter hook forward priority filter; policy drop;',
        'iifname "br1" counter packets 3 bytes 180 accept',
        '}',
        '}',
        '',
      ];
      return Object.assign(articleHost(), { input: [...save, ...nft].join('\n') });
    },
    columns: 80,
  },
  'chains-live': {
    args: ['chains'],
    host: () => {
      const host = articleHost();
      const text = readFileSync(
        join(import.meta.dirname, '..', 'packetpath', 'fixtures/article-compose-up.txt'),
        'utf8',
      );
      host.host.listing = text.replaceAll('br-388e266f9993', 'br-000000abc001').replace('172.18.0.4', '172.20.0.2');
      return host;
    },
  },
  'chains-live-without-engine': {
    args: ['chains', '--chain', 'DOCKER-USER'],
    host: () => {
      const host = Object.assign(articleHost(), {
        engineError: new CliError('unable', 'there is no engine', 'start it'),
      });
      host.host.listing = readFileSync(
        join(import.meta.dirname, '..', 'packetpath', 'fixtures/article-compose-up.txt'),
        'utf8',
      );
      return host;
    },
  },
  'chains-live-not-root': {
    args: ['chains'],
    host: () => Object.assign(articleHost(), { user: { uid: 1000, gid: 1000 } }),
  },
  'chains-no-listing': { args: ['chains', '--listing', '/etc/sluice/policy.yaml'] },
  'help-chains': { args: ['chains', '--help'] },
};

/** `sluice explain --path` through a listing. */
const path = (from: string, to: string, file: string, columns: number, ...more: readonly string[]): Scene => ({
  args: ['explain', '--path', from, to, '--listing', '-', ...more],
  host: () => {
    const host = articleHost();
    host.input = readFileSync(join(import.meta.dirname, '..', 'packetpath', file), 'utf8');
    return host;
  },
  columns,
});
const layout = 'purpose/layouts/20.10.rules';

const pathScenes: Readonly<Record<string, Scene>> = {
  'path-article-outranked': path('172.20.0.5%br-c4d330f8b3c3', '192.168.5.5:22', 'fixtures/article-outranked.txt', 80),
  'path-article-stopped': path('172.20.0.5%br-ccaef8da7d18', '192.168.5.5:22', 'fixtures/article-two-projects.txt', 80),
  'path-article-passes': path(
    '172.20.0.5%br-ccaef8da7d18',
    '192.168.100.1:80',
    'fixtures/article-two-projects.txt',
    80,
  ),
  'path-published-port': path('lan', 'host:8080', layout, 80),
  'path-all-40-columns': path('br1', 'internet:443', layout, 40, '--all'),
  'path-nobody': path('app/ap', '192.168.5.5:22', layout, 80),
};

test.each(Object.entries({ ...scenes, ...chainsScenes, ...pathScenes }))(
  'screen %s',
  async (name, { args, host, columns }) => {
    const here = await (host ?? articleHost)();
    expectScreen(name, args, await here.sluice(args, columns));
  },
);

test('every screen on disk is one of these', () => {
  const names = readdirSync(join(import.meta.dirname, 'screens')).map((file) => file.replace(/\.txt$/, ''));
  expect(names.toSorted()).toEqual(Object.keys({ ...scenes, ...chainsScenes, ...pathScenes }).toSorted());
});

test('nothing but the head of a diagnostic is wider than the terminal', () => {
  const folder = join(import.meta.dirname, 'screens');
  const wide = readdirSync(folder)
    // a rendering is a file, whatever the terminal
    .filter((file) => !/-1[02]0-columns|-in-a-pipe|^render-(nft|reverse)\./.test(file))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('--- standard error')[0]?.split('\n') ?? [])
    .filter((line) => line.length > 80 && !/ {2}(error|warning) {2}SL\d{4} {2}/.test(line));
  expect(wide).toEqual([]);
});
