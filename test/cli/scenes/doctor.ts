import type { FakeHost } from '../fakes.ts';
import {
  applied,
  articleHost,
  articlePolicy,
  articleWorld,
  configured,
  noEngine,
  notRoot,
  watched,
  worldOf,
} from '../hosts.ts';
import { listingText, type Scenes } from './scene.ts';

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

/** `sluice doctor`. */
export const doctor: Scenes = {
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
      host.files.write('rules.txt', listingText('fixtures/article-outranked.txt'));
      return host;
    },
  },
  'doctor-nothing-applied': { args: ['doctor'] },
  'doctor-without-engine': {
    args: ['doctor'],
    host: async () => Object.assign(await watched(), { engineError: noEngine }),
  },
  'doctor-not-root': { args: ['doctor'], host: notRoot },
};
