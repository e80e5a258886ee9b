import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Facts } from '../../src/doctor/facts.ts';
import { explainListing } from '../../src/packetpath/purpose/explain-listing.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { address, buildWorld, type WorldSketch } from '../generate/build.ts';

/** What is seen of a host where nothing is wrong, but for what a test says. */
export function factsOf(sketch: Partial<WorldSketch> = {}, more: Partial<Facts> = {}): Facts {
  return {
    world: buildWorld({
      networks: [
        { name: 'bridge', subnets: ['172.17.0.0/16'] },
        { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app', composeKey: 'default' },
        { name: 'lan', subnets: ['192.168.1.0/24'], driver: 'macvlan' },
      ],
      containers: [{ name: 'app-app-1', workload: 'app/app', on: ['app_default'] }],
      ...sketch,
    }),
    engine: { firewallBackend: 'iptables', mapsUsers: false, dataFolder: '/var/lib/docker' },
    ours: { standing: true, altered: null, daemon: { troubles: [], lastLine: 'stands' } },
    rules: explainListing({ tables: [], unread: [] }, null),
    bridgeCalls: new Map(),
    unheld: [],
    nameservers: [address('192.168.100.2')],
    conntrack: { count: 10, max: 1000, liberal: false },
    proxies: [],
    writable: [],
    volumes: new Map(),
    api: [],
    routesLoopback: [],
    sockets: [],
    sizes: { mtus: new Map(), ways: new Map() },
    enforced: [],
    own: { folders: ['/etc/sluice', '/var/lib/sluice'], socket: '/run/sluice/sluice.sock' },
    flushers: [],
    unseen: [],
    ...more,
  };
}

/** A world whose only container is this one, of the service app/app unless told otherwise. */
export const one = (container: Partial<WorldSketch['containers'][number]>): Partial<WorldSketch> => ({
  containers: [{ name: 'app-app-1', workload: 'app/app', on: ['app_default'], ...container }],
});

/** A container with that folder or file of the host in it. */
export const bound = (path: string, writable = true) => one({ mounts: [{ kind: 'bind', path, writable }] });

/** A container with the volume `data` in it; {@link volumes} says what that is. */
export const ofVolume = one({ mounts: [{ kind: 'volume', volume: 'data', writable: true }] });

/** The volume `data`, with the options it was made with. */
export const volumes = (options: Readonly<Record<string, string>>, driver = 'local') => ({
  volumes: new Map([['data', { name: 'data', driver, options: new Map(Object.entries(options)) }]]),
});

/** An address where the engine answers. */
export const api = (address: string, loopback: boolean, verifies = false) => ({
  api: [{ address, loopback, verifies }],
});

/** A docker-proxy that answers on every address. */
export const proxy = { process: 7, protocol: 'tcp', address: '0.0.0.0', port: 3000 };

/** The service app/app, as one that cannot be held. */
export const unheld = (wanted: 'enforce' | 'audit', cutOff = false) =>
  ({
    container: { id: '1'.padStart(64, '0'), name: 'app-app-1' },
    workload: 'app/app',
    code: 'host-network',
    reason: "it uses the host's network",
    fix: 'give it a network of its own',
    wanted,
    cutOff,
  }) as const;

/** An engine whose containers' users are none of the host's. */
export const mapped: Partial<Facts> = { engine: { firewallBackend: null, mapsUsers: true, dataFolder: null } };

/** What stands in a listing of the packet path's tests, as doctor sees it where no engine is asked. */
export function rulesOf(name: string): Facts['rules'] {
  const text = readFileSync(join(import.meta.dirname, '../packetpath', name), 'utf8');
  return explainListing(readListing(text), null);
}
