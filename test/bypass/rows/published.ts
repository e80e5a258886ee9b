import { hostAddress, places } from '../../../lab/world.ts';
import { bridgeOf, gatewayOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { allAddresses } from '../ground.ts';
import type { Prepare, Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;

/** A public address that somebody's own rules turn to one that is denied. */
const turned = { v4: '45.90.77.77', v6: '2a0c:b641:77::77' } as const;
/** One that they turn to the host's loopback: of IPv4 alone, the kernel itself drops what was turned to ::1. */
const local = '45.90.77.78';

/** Where an operator's own rules send what is for allowed and for denied addresses. */
const redirects = families
  .map((family) => {
    const [ip, at] = family === 'v4' ? ['ip', (to: string) => to] : ['ip6', (to: string) => `[${to}]`];
    const loopback = ['tcp', 'udp'].map((proto) => `ip daddr ${local} ${proto} dport 443 dnat to 127.0.0.1:8282`);
    return `table ${ip} redirects {
  chain prerouting {
    type nat hook prerouting priority -100
    ${ip} daddr ${places.metadata[family]} tcp dport 80 redirect to :8181
    ${ip} daddr ${places.ten[family]} tcp dport 443 dnat to ${at(places.internet[family])}:80
    ${ip} daddr ${turned[family]} tcp dport 443 dnat to ${at(places.ten[family])}:22
    ${family === 'v4' ? loopback.join('\n    ') : ''}
  }
}
`;
  })
  .join('');
const redirected: readonly Attempt[] = [
  ...families.flatMap((family): readonly Attempt[] => [
    { from: 'app/app', to: places.metadata[family], port: 80 },
    { from: 'app/app', to: places.ten[family], port: 443 },
    { from: 'app/app', to: turned[family], port: 443 },
  ]),
  { from: 'app/app', to: local, port: 443 },
  { from: 'app/app', to: local, port: 443, proto: 'udp' },
];

/** The redirects, and a bridge from which the kernel takes packets for the loopback, as some guides to DNAT have it. */
const prepare: Prepare = async ({ site }) => {
  const route = `net.ipv4.conf.${await bridgeOf(site, 'app_default')}.route_localnet`;
  await site.host.sysctl({ [route]: 1 });
  await site.host.nft(redirects);
  return async () => {
    await site.host.nft('delete table ip redirects\ndelete table ip6 redirects');
    await site.host.sysctl({ [route]: 0 });
  };
};

export const hairpin: Row = {
  number: 28,
  title: 'published ports and other DNAT',
  tries:
    "Another project's published port at the host's addresses, which DNAT turns into a container, and the operator's own redirects, to addresses that are denied, to the host and to its loopback: the packet has two destinations.",
  is: {
    state: 'closed',
    prepare,
    under: [
      {
        policy: `version: 1
projects:
  app: { allow: [internet, private, multicast], deny: ["${places.ten.v4}", "[${places.ten.v6}]"] }
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
