import type { Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { type Attempt, withoutDockersRules } from '../packets/support.ts';
import type { Random } from './random.ts';

/** Two Compose projects and a container outside Compose, named as the generated policies name theirs. */
export async function openTown(site: Site): Promise<void> {
  const project = (net: number, published: string) => `version: '3'
services:
  web: { image: lab/app${published} }
  db: { image: lab/app }
networks:
  default:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.${net}.0.0/16 }, { subnet: "fd00:172:${net}::/64" }] }
`;
  await site.host.compose('app', project(20, ''), 'up', '-d');
  await site.host.compose('shop', project(22, ', ports: ["8080:80", "5353:53/udp"]'), 'up', '-d');
  await site.host.docker('run', '-d', '--name', 'portainer', 'lab/app');
}

const senders = ['app/web', 'app/db', 'shop/db', 'portainer'] as const;

/** Whether an attempt goes to a port that the town publishes. */
export function isPublished({ proto = 'tcp', port }: Attempt): boolean {
  return (proto === 'tcp' && port === 8080) || (proto === 'udp' && port === 5353);
}

const layer4: readonly Pick<Attempt, 'proto' | 'port'>[] = [
  ...[22, 53, 80, 443, 3000, 8050].map((port) => ({ port })),
  ...[53, 123, 5050].map((port) => ({ proto: 'udp' as const, port })),
  { proto: 'icmp' },
  { proto: 132, port: 9 },
];

/**
 * Protocols without ports: all that two hosts say to each other is one conversation, so what one of them may send the
 * other may answer, also to the address that masquerade gave the first. They are sent from one container only.
 */
const portless: readonly Pick<Attempt, 'proto' | 'port'>[] = [{ proto: 47 }, { proto: 50 }, { proto: 255 }];

/**
 * Packets that arrive while there is no Sluice and Docker's own isolation is out of the way: the positive control of
 * every denial, taken in bulk.
 */
export async function controlled(site: Site, random: Random): Promise<readonly Attempt[]> {
  const containers = (await site.host.containers()).flatMap(({ addresses }) =>
    addresses.flatMap(({ v4, v6 }) => [v4, v6]),
  );
  const gateways = ['172.17.0.1', '172.20.0.1', '172.22.0.1', 'fd00:172:20::1', 'fd00:172:22::1'];
  const far = [places.proxy, places.dns, places.private, places.ten, places.metadata, places.internet, hostAddress];
  const others = [
    '192.168.5.6',
    '10.0.0.1',
    '8.8.8.8',
    '8.8.8.127',
    '8.8.8.128',
    '2001:4860::8',
    'fd12::5',
    '168.63.129.16',
  ];
  const everywhere = [...far.flatMap(({ v4, v6 }) => [v4, v6]), ...containers, ...gateways, ...others];
  const attempts = senders.flatMap((from) => [
    ...everywhere
      .filter((to) => to !== '')
      .flatMap((to) =>
        pickSome(from === senders[0] ? [...layer4, ...portless] : layer4, 5, random).map(
          (l4): Attempt => ({ from, to, ...l4 }),
        ),
      ),
    ...[hostAddress.v4, '172.22.0.1'].flatMap((to): readonly Attempt[] => [
      { from, to, port: 8080 },
      { from, to, port: 5353, proto: 'udp' },
    ]),
  ]);
  return withoutDockersRules(site, async () => {
    const probes = await site.host.probeMany(attempts);
    return attempts.filter((_, index) => probes[index]?.arrived === true);
  });
}

export function pickSome<T>(from: readonly T[], count: number, random: Random): readonly T[] {
  const left = [...from];
  const some: T[] = [];
  while (some.length < count && left.length > 0) some.push(...left.splice(random.between(0, left.length - 1), 1));
  return some;
}
