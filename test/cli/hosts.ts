import { CliError } from '../../src/cli/error.ts';
import { addressOf } from '../../src/ip/address.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld, type ContainerSketch, type WorldSketch } from '../generate/build.ts';
import { fakeDaemon } from './daemon.ts';
import { FakeHost } from './fakes.ts';

export const configured = '/etc/sluice/policy.yaml';

/** The article's rules, with an entry that can be tightened. */
export const articlePolicy = `version: 1
groups:
  http-proxy: [192.168.100.1]
  resolver: ["192.168.100.2:53/udp"]
guardrails:
  deny: [cloud-metadata]
projects:
  app:
    mode: enforce
    allow: [same-project, http-proxy, resolver, internet]
tests:
  - from: app/app
    allow: ["192.168.100.1:3128", "project/app/mongo:27017"]
    deny: ["192.168.5.5:22", "192.168.100.2:53/tcp"]
`;

/** It with one destination more, and one test less. */
export const looser = articlePolicy
  .replace('internet]', 'internet, "192.168.5.5:22"]')
  .replace('["192.168.5.5:22", ', '[');
/** It with other words for the host, and the same for every container. */
export const otherDefaults = articlePolicy.replace(
  'groups:',
  'defaults: { denied: drop, unknown-bridge: deny, build: allow }\ngroups:',
);
/** It with two errors. */
export const broken = articlePolicy
  .replace('http-proxy, resolver', 'http-proxi, resolver')
  .replace('deny: [cloud-metadata]', 'deny: []');
/** One that only allows the project `app` itself and DNS, and this. */
export const named = (rest: string) => `version: 1\nprojects:\n  app: { allow: [same-project, dns] }\n${rest}`;

export const articleWorld: WorldSketch = {
  networks: [
    { name: 'bridge', subnets: ['172.17.0.0/16'] },
    { name: 'app_default', subnets: ['172.20.0.0/16', 'fd00:20::/64'], project: 'app', composeKey: 'default' },
    { name: 'shop_default', subnets: ['172.22.0.0/16'], project: 'shop', composeKey: 'default' },
  ],
  containers: [
    { name: 'app-app-1', workload: 'app/app', on: ['app_default'], published: ['3000:3000/tcp'] },
    { name: 'app-elasticsearch-1', workload: 'app/elasticsearch', on: ['app_default'] },
    { name: 'app-mongo-1', workload: 'app/mongo', on: ['app_default'] },
    { name: 'shop-web-1', workload: 'shop/web', on: ['shop_default', 'app_default'] },
    { name: 'shop-web-2', workload: 'shop/web', on: ['shop_default'] },
    { name: 'portainer', on: ['bridge'] },
    { name: 'node-exporter', mode: 'host' },
  ],
  host: ['192.168.1.2/24'],
  hostGateway: ['172.17.0.1'],
};

const mighty: Readonly<Record<string, Pick<ContainerSketch, 'powers'>>> = {
  'app-app-1': { powers: { capabilities: ['NET_ADMIN'] } },
  'app-elasticsearch-1': { powers: { privileged: true, capabilities: ['NET_ADMIN'] } },
  'app-mongo-1': { powers: { capabilities: ['NET_ADMIN', 'SYS_ADMIN'], mapped: true } },
  portainer: { powers: { engineSockets: ['/run/docker.sock'] } },
};

/** The article's host where `app` has taken its own interface away, for which it has NET_ADMIN. */
export const withoutPort = (): World =>
  worldOf({
    ...articleWorld,
    containers: articleWorld.containers.map((one) =>
      one.name === 'app-app-1' ? { ...one, lacks: 'port', powers: { capabilities: ['NET_ADMIN'] } } : one,
    ),
  });

/** The article's host, with other containers beside it, and its policy where it belongs. */
export function articleHost(policy = articlePolicy): FakeHost {
  const host = new FakeHost(worldOf(articleWorld));
  host.files.write(configured, policy);
  return host;
}

/** It, asked by somebody who is not root. */
export const notRoot = (): FakeHost => Object.assign(articleHost(), { user: { uid: 1000, gid: 1000 } });

/** What asking for an engine ends in where there is none. */
export const noEngine = new CliError('unable', 'there is no engine', 'start it');

/** A world whose containers each have a process of their own. */
export function worldOf(sketch: WorldSketch): World {
  const world = buildWorld(sketch);
  const containers = world.containers.map((container, at) =>
    container.running ? { ...container, pid: 4000 + at } : container,
  );
  return { ...world, containers };
}

/**
 * The article's host where some who are enforced can undo it: `app` and `elasticsearch` themselves, `mongo` not, since its
 * users are not the host's, and the one beside it that shares its network; and one that nothing enforces.
 */
export const mightyWorld: World = worldOf({
  ...articleWorld,
  containers: [
    ...articleWorld.containers.map((one) => ({ ...one, ...mighty[one.name] })),
    { name: 'sidecar', mode: 'container:app-mongo-1', powers: { engineSockets: ['/run/docker.sock'] } },
  ],
});

export const ssh = { container: 'app-app-1', to: addressOf(4, 0xc0a80505n), protocol: 6, port: 22 } as const;

/** The article's host with its policy applied, or this one. */
export const applied = async (policy?: string): Promise<FakeHost> => {
  const host = articleHost(policy);
  const { code, err } = await host.sluice(['apply']);
  if (code !== 0) throw new Error(err);
  return host;
};

/** A host with an applied policy, and another in its file. */
export const changed = async (before: string, after: string): Promise<FakeHost> => {
  const host = await applied(before);
  host.files.write(configured, after);
  return host;
};

/** A host whose daemon holds the article's policy, and another one in its file where it is named. */
export const watched = async (after = articlePolicy): Promise<FakeHost> => {
  const host = await changed(articlePolicy, after);
  host.daemon = fakeDaemon(host);
  return host;
};

/** A host on which iptables cannot hold all that its policy says. */
export const bounded = (): FakeHost => {
  const long = '{ to: "192.168.5.5:22", until: 2040-12-31, reason: "backups" }';
  const host = articleHost(looser.replace('"192.168.5.5:22"', long));
  host.kernel.security = false;
  return host;
};

/** Labels that ask for more than they may, and labels that cannot be read. */
export const labelled = (): FakeHost => {
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
