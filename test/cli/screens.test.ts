import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliError } from '../../src/cli/error.ts';
import { commandSpecs } from '../../src/cli/specs.ts';
import { FakeHost } from './fakes.ts';
import { expectScreen } from './golden.ts';
import { articleHost, articlePolicy, articleWorld, configured, ssh, worldOf } from './hosts.ts';

process.env['TZ'] = 'UTC'; // clock times are the host's

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

/** `sluice explain` with these words, on a host that holds the policy. */
const explained = (words: string, policy?: string): Scene => ({
  args: ['explain', ...words.split(' ')],
  host: () => applied(policy),
});

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
  'apply-refused-labels': {
    args: ['apply'],
    host: () => {
      const host = articleHost(named(''));
      host.world = worldOf({
        ...articleWorld,
        containers: [
          { name: 'app-app-1', workload: 'app/app', on: ['app_default'], labels: { 'sluice.allow': 'internet:443' } },
        ],
      });
      return host;
    },
  },
  ps: { args: ['ps'], host: () => applied() },
  'ps-120-columns': { args: ['ps'], host: () => applied(), columns: 120 },
  'ps-40-columns': { args: ['ps'], host: () => applied(), columns: 40 },
  'ps-in-a-pipe': { args: ['ps'], host: () => applied(), columns: 0 },
  'ps-not-up-to-date': { args: ['ps'], host: () => changed(articlePolicy, looser) },
  'ps-not-applied': { args: ['ps'] },
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
  test: { args: ['test'] },
  'test-failing': { args: ['test'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
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

test.each(Object.entries(scenes))('screen %s', async (name, { args, host, columns }) => {
  const here = await (host ?? articleHost)();
  expectScreen(name, args, await here.sluice(args, columns));
});

test('every screen on disk is one of these', () => {
  const names = readdirSync(join(import.meta.dirname, 'screens')).map((file) => file.replace(/\.txt$/, ''));
  expect(names.toSorted()).toEqual(Object.keys(scenes).toSorted());
});

test('nothing but the head of a diagnostic is wider than the terminal', () => {
  const folder = join(import.meta.dirname, 'screens');
  const wide = readdirSync(folder)
    .filter((file) => !/-120-columns|-in-a-pipe/.test(file))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').split('--- standard error')[0]?.split('\n') ?? [])
    .filter((line) => line.length > 80 && !/ {2}(error|warning) {2}SL\d{4} {2}/.test(line));
  expect(wide).toEqual([]);
});
