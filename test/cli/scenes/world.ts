import { FakeHost } from '../fakes.ts';
import {
  applied,
  articleHost,
  articlePolicy,
  articleWorld,
  broken,
  changed,
  labelled,
  looser,
  withoutPort,
  worldOf,
} from '../hosts.ts';
import type { Scenes } from './scene.ts';

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

/** `sluice ps` and `networks`. */
export const world: Scenes = {
  ps: { args: ['ps'], host: () => applied() },
  'ps-120-columns': { args: ['ps'], host: () => applied(), columns: 120 },
  'ps-40-columns': { args: ['ps'], host: () => applied(), columns: 40 },
  'ps-in-a-pipe': { args: ['ps'], host: () => applied(), columns: 0 },
  'ps-not-up-to-date': { args: ['ps'], host: () => changed(articlePolicy, looser) },
  'ps-not-applied': { args: ['ps'] },
  'ps-cut-off': {
    args: ['ps'],
    host: async () => Object.assign(await applied(), { world: withoutPort() }),
  },
  'ps-refused-labels': { args: ['ps'], host: () => labelled() },
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
};
