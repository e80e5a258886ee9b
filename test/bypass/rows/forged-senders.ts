import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import {
  believers,
  borrowing,
  type Forger,
  forgetLies,
  lossUnderTheft,
  obeyed,
  overheard,
  scenesOf,
  trustingOne,
  victim,
} from '../../packets/deceiving.ts';
import { families, lies, routing, type Scene, strangeTypes, tagged, unknownFrames } from '../../packets/lying.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Row, Sighting } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

/** Whose name is borrowed may go everywhere: what gets out by it shows. */
const trusting: Held = {
  policy: trustingOne,
  allowed: families.map((family) => ({ from: victim, to: places.internet[family], port: 443 })),
};

/** A forger with Docker's own capabilities and one with NET_ADMIN, each with br_netfilter one way. */
const ways: readonly { readonly who: Forger; readonly brNetfilter: boolean }[] = [
  { who: 'app/elasticsearch', brNetfilter: true },
  { who: 'app/app', brNetfilter: false },
];

async function eachWay(
  site: Site,
  work: (who: Forger, scene: Scene, how: string) => Promise<readonly Sighting[]>,
): Promise<readonly Sighting[]> {
  const scenes = await scenesOf(site);
  const seen: Sighting[] = [];
  for (const { who, brNetfilter } of ways) {
    await site.host.setBrNetfilter(brNetfilter);
    // whose place on the bridge was claimed has it again once it speaks
    await site.host.probe(victim, { to: places.internet.v4, port: 80 });
    seen.push(...(await work(who, scenes[who], `bridge-nf-call-* ${brNetfilter ? 1 : 0}`)));
  }
  await site.host.setBrNetfilter(true);
  await forgetLies(site);
  await site.host.probe(victim, { to: places.internet.v4, port: 80 });
  return seen;
}

const noted = (sightings: readonly Sighting[], how: string) =>
  sightings.map((sighting) => ({ ...sighting, what: `${sighting.what}, ${how}` }));

export const sourceSpoofing: Row = {
  number: 33,
  title: 'forged source addresses and MACs',
  tries:
    "A neighbour's address, its MAC or both, a second address, nobody's address: as raw frames, which Docker's default NET_RAW allows, and on the own interface with NET_ADMIN.",
  is: {
    state: 'closed',
    under: [trusting],
    attempt: async ({ site }) => {
      const raw = await eachWay(site, async (who, scene, how) =>
        noted(await byFrames(site, who, [...tagged(scene), ...lies(scene)]), how),
      );
      const borrowed: Sighting[] = [];
      await borrowing(site, (await scenesOf(site))['app/app'], async (attempts, how) => {
        borrowed.push(...(await byProbes(site, attempts, `, with ${how}`)));
      });
      await sleep(100);
      return [...raw, ...borrowed];
    },
  },
};

const tables = ['host v4', 'host v6', 'neighbour v4', 'neighbour v6'];

export const neighbourSpoofing: Row = {
  number: 34,
  title: 'ARP and neighbour discovery spoofed, MAC cloned',
  tries:
    "The gateway's and a neighbour's addresses claimed in ARP and ND, frames that steal a neighbour's place on the bridge, EtherTypes nobody knows.",
  is: {
    state: 'closed',
    under: [trusting],
    attempt: async ({ site }) => {
      const deceived = await eachWay(site, async (who, scene, how) => {
        const fell = await believers(site, who, scene);
        const heard = await overheard(site, who, scene, unknownFrames(scene));
        return [
          ...tables.map((table) => ({
            what: `${who}: claims an address, ${how}: ${table} table`,
            at: fell.includes(table) ? [table] : [],
          })),
          ...strangeTypes.map((type) => ({
            what: `${who}: EtherType 0x${type.toString(16).padStart(4, '0')}, ${how}`,
            at: heard.includes(type) ? ['a neighbour'] : [],
          })),
        ];
      });
      const lost = await lossUnderTheft(site, (await scenesOf(site))['app/elasticsearch']);
      const theft = {
        what: "app/elasticsearch: claims app/mongo's MAC thousands of times a second",
        at: lost > 0.05 ? ['whoever wonders where its answers are'] : [],
        learnt: `${(lost * 100).toFixed(0)} % of app/mongo's answers lost`,
      };
      return [...deceived, theft];
    },
  },
};

/** Addresses that no container has, on the project's network. */
const second = { v4: '172.20.66.66', v6: 'fd00:172:20::66:66' } as const;

export const ownAddresses: Row = {
  number: 25,
  title: 'router advertisements, own addresses and routes',
  tries:
    'A container that says it is the router, and one with NET_ADMIN that gives itself addresses and makes its routes go by a neighbour.',
  is: {
    state: 'closed',
    under: [trusting],
    attempt: async ({ site }) => {
      const advertised = await eachWay(site, async (who, scene, how) => {
        const heard = await overheard(site, who, scene, routing(scene).slice(0, 3));
        const what = (part: string) => `${who}: router advertisement, ${how}: ${part}`;
        return [
          { what: what('heard'), at: heard.includes(134) ? ['neighbours'] : [] },
          { what: what('obeyed'), at: (await obeyed(site)) ? [victim] : [] },
        ];
      });
      return [...advertised, ...(await bySecondAddress(site))];
    },
  },
};

async function bySecondAddress(site: Site): Promise<readonly Sighting[]> {
  const who = 'app/app';
  const change = async (verb: 'add' | 'del') => {
    const flags = verb === 'add' ? ['nodad'] : [];
    for (const [address, ...more] of [[`${second.v4}/16`], [`${second.v6}/64`, ...flags]])
      await site.host.inNetworkOf(who, ['ip', 'addr', verb, address as string, 'dev', 'eth0', ...more]);
  };
  const attempts = [places.internet, places.private].flatMap((place) =>
    families.map(
      (family): Attempt => ({
        from: who,
        to: place[family],
        port: 514,
        proto: 'udp',
        source: second[family],
        timeout: 300,
      }),
    ),
  );
  await change('add');
  try {
    return await byProbes(site, attempts, ' from an address it gave itself');
  } finally {
    await change('del');
  }
}
