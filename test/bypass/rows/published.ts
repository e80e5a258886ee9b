import { hostAddress, places } from '../../../lab/world.ts';
import { gatewayOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Prepare, Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;

/** Where an operator's own rules send what is for allowed and for denied addresses. */
const redirects = `table ip redirects {
  chain prerouting {
    type nat hook prerouting priority -100
    ip daddr ${places.metadata.v4} tcp dport 80 redirect to :8181
    ip daddr ${places.ten.v4} tcp dport 443 dnat to ${places.internet.v4}:80
    ip daddr 45.90.77.77 tcp dport 443 dnat to ${places.ten.v4}:22
  }
}`;
const redirected: readonly Attempt[] = [
  { from: 'app/app', to: places.metadata.v4, port: 80 },
  { from: 'app/app', to: places.ten.v4, port: 443 },
  { from: 'app/app', to: '45.90.77.77', port: 443 },
];

const prepare: Prepare = async ({ site }) => {
  await site.host.nft(redirects);
  return () => site.host.nft('delete table ip redirects');
};

export const hairpin: Row = {
  number: 28,
  title: 'published ports and other DNAT',
  tries:
    "Another project's published port at the host's addresses, which DNAT turns into a container, and the operator's own redirects: the packet has two destinations.",
  is: {
    state: 'closed',
    prepare,
    under: [
      {
        policy: `version: 1
projects:
  app: { allow: [internet, private, multicast], deny: ["${places.ten.v4}"] }
`,
        allowed: allAddresses.allowed,
      },
    ],
    attempt: async ({ site }) => {
      const own = await gatewayOf(site, 'app_default');
      const published = [hostAddress, own].flatMap((host) =>
        families.flatMap((family): readonly Attempt[] => [
          { from: 'app/app', to: host[family], port: 8080 },
          { from: 'app/app', to: host[family], port: 5300, proto: 'udp' },
        ]),
      );
      return byProbes(site, [...published, ...redirected]);
    },
  },
};

export const dockerProxy: Row = {
  number: 29,
  title: 'docker-proxy connects in its stead',
  tries:
    "A published port of the own network at the host's addresses: no DNAT there, so docker-proxy, on the host, takes the connection and makes one of its own.",
  is: {
    state: 'closed',
    under: [allAddresses],
    attempt: async ({ site }) => {
      const own = await gatewayOf(site, 'app_default');
      return byProbes(
        site,
        [hostAddress, own].flatMap((host) =>
          families.map((family): Attempt => ({ from: 'app/elasticsearch', to: host[family], port: 3000 })),
        ),
      );
    },
  },
};
