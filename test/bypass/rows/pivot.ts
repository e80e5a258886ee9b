import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { seatOf, watchAll } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Row, Sighting } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const [who, peer] = ['app/app', 'app/mongo'];

/** Sends what is for the internet and for private hosts to the neighbour, which forwards as any Linux host may. */
async function routedByPeer(site: Site): Promise<readonly Sighting[]> {
  const seat = await seatOf(site, peer);
  const targets = [places.private, places.ten].flatMap((place) =>
    families.map((family) => ({ to: place[family], via: seat[family] })),
  );
  const route = async (verb: 'replace' | 'del') => {
    for (const { to, via } of targets) await site.host.inNetworkOf(who, ['ip', 'route', verb, to, 'via', via]);
  };
  await route('replace');
  try {
    await watchAll(site);
    const attempts = targets.flatMap(({ to }): readonly Attempt[] => [
      { from: who, to, port: 22, timeout: 300 },
      { from: who, to, port: 514, proto: 'udp', timeout: 300 },
    ]);
    return await byProbes(site, attempts, ' by way of app/mongo');
  } finally {
    await route('del');
  }
}

export const lateral: Row = {
  number: 32,
  title: 'through an allowed neighbour that may do more',
  tries:
    'The neighbour may go everywhere and may be spoken to: it is taken for a router. What a neighbour relays of its own will is its own traffic, and outside.',
  outside: 'allowed-services',
  is: {
    state: 'closed',
    under: [
      {
        policy: `version: 1
projects:
  app:
    allow: none
    services:
      app: { allow: [service/mongo] }
      mongo: { allow: any }
`,
        allowed: families.map((family) => ({ from: peer, to: places.private[family], port: 22 })),
      },
    ],
    attempt: ({ site }) => routedByPeer(site),
  },
};
