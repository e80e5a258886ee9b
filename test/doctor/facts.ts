import type { Facts } from '../../src/doctor/facts.ts';
import { explainListing } from '../../src/packetpath/purpose/explain-listing.ts';
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
