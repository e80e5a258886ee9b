/** Deceptions on a bridge, and whether anybody fell for them: the article's project with NET_ADMIN for `app`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { bridgeOf, gatewayOf, type Seat, seatOf } from './forging.ts';
import { believeAtOnce, forgetNeighbours, knownMac, meet } from './kernel.ts';
import { claims, families, type Scene, strangeTypes, thefts } from './lying.ts';
import type { Attempt } from './support.ts';

/**
 * The victim may go everywhere, one forger to its neighbours and the other nowhere: what gets out by a borrowed address
 * shows, and so does what a sender may say only as itself.
 */
export const trustingOne = `version: 1
projects:
  app:
    allow: none
    services:
      mongo: { allow: any }
      elasticsearch: { allow: [same-project] }
`;

export const victim = 'app/mongo';
/** With Docker's own capabilities, NET_RAW among them, and with NET_ADMIN besides. */
export const forgers = ['app/elasticsearch', 'app/app'] as const;
export type Forger = (typeof forgers)[number];

/** Where each forger stands, its victim's kernel and the host's ready to change their minds about neighbours at once. */
export async function scenesOf(site: Site): Promise<Readonly<Record<Forger, Scene>>> {
  const peer = await seatOf(site, victim);
  const gateway = await gatewayOf(site, 'app_default');
  const [raw, admin] = [await seatOf(site, forgers[0]), await seatOf(site, forgers[1])];
  await believeAtOnce(site, 'host', await bridgeOf(site, 'app_default'));
  await believeAtOnce(site, victim, 'eth0');
  return {
    'app/elasticsearch': { self: raw, peer, other: admin, gateway },
    'app/app': { self: admin, peer, other: raw, gateway },
  };
}

/** Whoever was deceived forgets it: what follows is not to live on old lies. */
export async function forgetLies(site: Site): Promise<void> {
  for (const who of ['host', victim, ...forgers]) await forgetNeighbours(site, who);
}

/** Puts the neighbour's addresses, its MAC and both on the interface of the one with NET_ADMIN, and back. */
export async function borrowing(
  site: Site,
  { self, peer, other, gateway }: Scene,
  work: (attempts: readonly Attempt[], how: string) => Promise<void>,
): Promise<void> {
  const who = 'app/app';
  const ip = async (...command: string[]) => {
    const done = await site.host.inNetworkOf(who, ['ip', ...command]);
    if (done.stderr !== '') throw new Error(`ip ${command.join(' ')}: ${done.stderr}`);
  };
  // who knows its neighbours' MACs by itself needs no answer of ARP
  const neighbours = families.flatMap((family) => [gateway, other].map((seat) => [seat[family], seat.mac]));
  const know = () =>
    Promise.all(
      neighbours.map(([to = '', at = '']) =>
        ip('neigh', 'replace', to, 'lladdr', at, 'dev', 'eth0', 'nud', 'permanent'),
      ),
    );
  const address = async (verb: 'add' | 'del') => {
    await ip('addr', verb, `${peer.v4}/16`, 'dev', 'eth0');
    await ip('addr', verb, `${peer.v6}/64`, 'dev', 'eth0', ...(verb === 'add' ? ['nodad'] : []));
  };
  const mac = async (to: Seat) => {
    await ip('link', 'set', 'dev', 'eth0', 'address', to.mac);
    await know();
  };
  const attempts = (source: Seat) =>
    [places.internet, places.private, hostAddress, other].flatMap((to) =>
      families.flatMap((family): Attempt[] => {
        const sent = { from: who, to: to[family], source: source[family], timeout: 250 };
        return [
          { ...sent, port: 80 },
          { ...sent, port: 9200, proto: 'udp' },
        ];
      }),
    );
  await address('add');
  await know();
  await work(attempts(peer), 'its address');
  await mac(peer);
  await work(attempts(peer), 'its address and MAC');
  await address('del');
  await work(attempts(self), 'its MAC');
  await mac(self);
  // whoever was cut off speaks again, and is found again
  await site.host.probeMany([victim, who].map((from) => ({ from, to: places.internet.v4, port: 80 })));
}

/** Which EtherTypes and ICMPv6 types of the routing sort the neighbours receive of these frames. */
export async function overheard(
  site: Site,
  who: Forger,
  { self }: Scene,
  sent: readonly Uint8Array[],
): Promise<readonly number[]> {
  const others = [victim, ...forgers].filter((other) => other !== who);
  const listeners = await Promise.all(others.map((name) => site.host.observer(name)));
  for (const listener of listeners) listener.clear();
  await site.host.sendFrames(who, sent);
  const heard = await Promise.all(
    listeners.map((listener) => listener.seen(({ to, smac }) => to !== 'other' && smac === self.mac)),
  );
  const kinds = heard.flat().flatMap(({ eth, type }) => {
    if (strangeTypes.includes(eth ?? 0)) return [eth as number];
    return type === 134 || type === 137 ? [type] : [];
  });
  return [...strangeTypes, 134, 137].filter((kind) => kinds.includes(kind));
}

/** Whether the neighbour gave itself an address from the forged router advertisement; it forgets it all afterwards. */
export async function obeyed(site: Site): Promise<boolean> {
  const { stdout } = await site.host.inNetworkOf(victim, ['ip', '-6', 'addr', 'show', 'dev', 'eth0']);
  for (const who of [victim, ...forgers])
    for (const what of [
      ['addr', 'flush', 'dev', 'eth0', 'dynamic'],
      ['route', 'flush', 'proto', 'ra'],
      ['route', 'flush', 'cache'],
    ])
      await site.host.inNetworkOf(who, ['ip', '-6', ...what]);
  return stdout.includes('2a0c:bad:');
}

/** Lets a forger claim the gateway to the neighbour and the neighbour to the host; tells who believes it. */
export async function believers(site: Site, who: string, { self, peer, gateway }: Scene): Promise<readonly string[]> {
  const tables = [
    { name: 'host', at: 'host', listener: gateway, claimed: peer },
    { name: 'neighbour', at: victim, listener: peer, claimed: gateway },
  ].flatMap((table) => families.map((family) => ({ ...table, family, address: table.claimed[family] })));
  for (const at of ['host', victim]) await forgetNeighbours(site, at);
  await Promise.all(tables.map(({ at, address, claimed }) => meet(site, at, address, claimed.mac)));
  const told = () => Promise.all(tables.map(({ at, address }) => knownMac(site, at, address)));
  await site.host.sendFrames(who, [...claims(self, gateway, peer), ...claims(self, peer, gateway)]);
  await sleep(20);
  const after = await told();
  return tables
    .filter(({ claimed }, index) => after[index] !== claimed.mac)
    .map(({ name, family }) => `${name} ${family}`);
}

/** Which part of the neighbour's answers is lost while somebody claims its MAC thousands of times a second. */
export async function lossUnderTheft(site: Site, { peer }: Scene): Promise<number> {
  const to = places.internet.v4;
  const stream = await site.host.stream(victim, { proto: 'udp', to, port: 4000, rate: 100, seconds: 2 });
  await site.host.sendFrames(forgers[0], thefts(peer.mac), { count: 6800, interval: 250 });
  const { sent, answered } = await stream.report();
  if (sent <= 100) throw new Error(`only ${sent} packets were sent in two seconds`);
  return 1 - answered / sent;
}
