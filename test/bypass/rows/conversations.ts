import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../../lab/exec.ts';
import type { Packet } from '../../../lab/observer.ts';
import { freshSport } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Row, Sighting } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const protocols = ['tcp', 'udp'] as const;
const from = 'app/app';
const port = 6000;

/** Conversations of its own with the internet and a neighbour, that speak on until they are stopped. */
async function talk(site: Site) {
  const mongo = await seatOf(site, 'app/mongo');
  const neighbour = await site.host.observer('app/mongo');
  const targets = families.flatMap((family) => [
    { name: 'the internet', to: places.internet[family], port, at: site.internet.observer },
    { name: 'a neighbour', to: mongo[family], port: 9200, at: neighbour },
  ]);
  const talks = await Promise.all(
    targets.flatMap((target) =>
      protocols.map(async (proto) => {
        const sport = freshSport();
        const spec = { proto, to: target.to, port: target.port, rate: 20, sport, outside: true } as const;
        return { ...target, proto, sport, stream: await site.host.stream(from, spec) };
      }),
    ),
  );
  await sleep(500);
  return talks;
}

/** Which of them still come through, a moment from now; then they end. Nobody but a kernel sends bare resets. */
async function stillHeard(talks: Awaited<ReturnType<typeof talk>>, when: string): Promise<readonly Sighting[]> {
  const since = Date.now() * 1000;
  await sleep(1500);
  const seen = await Promise.all(
    talks.map(async ({ name, to, proto, sport, at, stream }) => {
      const through = ({ t, sport: by, token, flags }: Packet) =>
        t > since && flags !== 'R' && (by === sport || token === stream.token);
      return {
        what: `${from} goes on to ${name}, ${to}/${proto}, ${when}`,
        at: (await at.saw(through)) ? [at.name] : [],
      };
    }),
  );
  await Promise.all(talks.map(({ stream }) => stream.stop()));
  return seen;
}

/** Where {@link begun} handshakes are not answered. */
const silent = 6100;
/** Made anew where a round before has failed. */
const heldBack = `table inet held-back
delete table inet held-back
table inet held-back {
  chain answers {
    type filter hook forward priority 0
    tcp sport ${silent} tcp flags & (syn | ack) == syn | ack drop
  }
}
`;

/** Handshakes with the internet whose SYN has arrived there, and whose answer is held back on its way. */
async function begun(site: Site) {
  await site.router.must(['nft', '-f', '-'], { input: heldBack });
  const specs = families.map((family) => ({ to: places.internet[family], sport: freshSport() }));
  const began = Date.now();
  const probes = site.host.probeMany(specs.map((one) => ({ ...one, from, port: silent, timeout: 10_000 })));
  await until('every SYN', async () => {
    const seen = await site.internet.seen(({ dport, flags }) => dport === silent && flags === 'S');
    return specs.every((one) => seen.some(({ sport }) => sport === one.sport)) ? true : undefined;
  });
  return { specs, began, probes };
}

/**
 * Lets the answers go, and tells of which handshakes anything more comes from now on: a SYN once more, an ACK, data. An
 * answer is repeated 1, 3 and 7 seconds after the SYN, so one comes to a container that is no longer allowed to speak.
 */
async function goesOn(site: Site, half: Awaited<ReturnType<typeof begun>>, when: string): Promise<readonly Sighting[]> {
  const since = Date.now() * 1000;
  await site.router.must(['nft', 'delete', 'table', 'inet', 'held-back']);
  await half.probes;
  await sleep(Math.max(0, half.began + 8_000 - Date.now()));
  const seen = await site.internet.seen(({ t, dport, flags }) => t > since && dport === silent && flags !== 'R');
  return half.specs.map(({ to, sport: own }) => ({
    what: `${from} goes on with a handshake, ${to}/tcp, ${when}`,
    at: seen.some(({ sport }) => sport === own) ? ['internet'] : [],
  }));
}

/** Somebody else's conversations are allowed throughout. */
const allowed: readonly Attempt[] = families.map((family) => ({
  from: 'app/elasticsearch',
  to: places.internet[family],
  port: 443,
}));
const lists = (app: string) => `version: 1
projects:
  app: { allow: none, services: { app: { allow: ${app} }, elasticsearch: { allow: [internet] } } }
`;
const tight: Held = { policy: lists('none'), allowed };

export const removedRule: Row = {
  number: 9,
  title: 'an address whose permission is gone',
  tries:
    'The policy allowed it and does so no more: a conversation from before goes on, a handshake whose SYN was sent and not answered is ended, and a new one is begun.',
  is: {
    state: 'closed',
    enforces: true,
    under: [tight],
    attempt: async ({ enforce, site }) => {
      await enforce(lists('[internet, same-project]'));
      const [talks, half] = [await talk(site), await begun(site)];
      await enforce(tight.policy);
      const when = 'once it is not allowed';
      const heard = (await Promise.all([stillHeard(talks, when), goesOn(site, half, when)])).flat();
      const anew = families.flatMap((family): readonly Attempt[] => [
        { from, to: places.internet[family], port },
        { from, to: places.internet[family], port, proto: 'udp' },
      ]);
      return [...heard, ...(await byProbes(site, anew, ' anew'))];
    },
  },
};

export const establishedFirst: Row = {
  number: 41,
  title: 'conversations from before the rules',
  tries:
    'A conversation is begun before Sluice is there; firewalls that accept what is established first let it live. So with a handshake whose SYN was sent, and not answered yet.',
  is: {
    state: 'closed',
    enforces: true,
    under: [tight],
    attempt: async ({ enforce, site }) => {
      const [talks, half] = [await talk(site), await begun(site)];
      await enforce(tight.policy);
      const when = 'begun before Sluice';
      return (await Promise.all([stillHeard(talks, when), goesOn(site, half, when)])).flat();
    },
  },
};
