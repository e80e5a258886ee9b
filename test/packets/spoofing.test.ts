import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, waysOf } from './backends.ts';
import {
  bridgeOf,
  type Forgery,
  forgedUdp,
  gatewayOf,
  linkLocal,
  redirect,
  type Seat,
  seatOf,
  sendForgeries,
  withTag,
} from './forging.ts';
import { believeAtOnce, forgetNeighbours, knownMac, risenBy } from './kernel.ts';
import { type Attempt, applyPolicy, expectControl, expectDenied } from './support.ts';

/**
 * The victim may go everywhere, one forger to its neighbours and the other nowhere: what gets out by a borrowed address
 * shows, and so does what a sender may say only as itself.
 */
const policy = `version: 1
projects:
  app:
    allow: none
    services:
      mongo: { allow: any }
      elasticsearch: { allow: [same-project] }
`;

const victim = 'app/mongo';
/** With Docker's own capabilities, NET_RAW among them, and with NET_ADMIN besides. */
const forgers = ['app/elasticsearch', 'app/app'] as const;
interface Way {
  readonly who: (typeof forgers)[number];
  readonly brNetfilter: boolean;
}
const allWays: readonly Way[] = forgers.flatMap((who) => [true, false].map((brNetfilter) => ({ who, brNetfilter })));
const twoWays: readonly Way[] = [
  { who: 'app/elasticsearch', brNetfilter: true },
  { who: 'app/app', brNetfilter: false },
];
const families = ['v4', 'v6'] as const;
const nobody = { v4: '45.66.77.88', v6: '2a0c:66::88' } as const;
const spare = { v4: '172.20.66.66', v6: 'fd00:172:20::66:66' } as const;
const broadcast = 'ff:ff:ff:ff:ff:ff';
const strangeMac = '02:42:de:ad:be:ef';

interface Scene {
  readonly self: Seat;
  /** Whose name is borrowed. */
  readonly peer: Seat;
  /** A third container. */
  readonly other: Seat;
  readonly gateway: Seat;
}

/**
 * Each way to lie about who sends, to each of outside, host and neighbours. Lies about the MAC come last: a bridge
 * believes them, and the neighbour is cut off until it speaks again.
 */
function lies({ self, peer, other, gateway }: Scene): readonly Forgery[] {
  const all = families.flatMap((family) => {
    const senders = [
      { name: "the neighbour's address", from: self.mac, src: peer[family] },
      { name: 'a second address of its own', from: self.mac, src: spare[family] },
      { name: "nobody's address", from: self.mac, src: nobody[family] },
      { name: "the gateway's address", from: self.mac, src: gateway[family] },
      { name: 'a MAC of nobody', from: strangeMac, src: self[family] },
      { name: "the neighbour's MAC", from: peer.mac, src: self[family] },
      { name: "the neighbour's address and MAC", from: peer.mac, src: peer[family] },
    ];
    const aims = [
      { aim: 'the neighbour', to: peer.mac, dst: peer[family] },
      { aim: 'another neighbour', to: other.mac, dst: other[family] },
      { aim: 'all neighbours', to: broadcast, dst: family === 'v4' ? '172.20.255.255' : 'ff02::1' },
      { aim: 'the internet', to: gateway.mac, dst: places.internet[family] },
      { aim: 'the private host', to: gateway.mac, dst: places.private[family] },
      { aim: 'the host', to: gateway.mac, dst: hostAddress[family] },
      { aim: 'the gateway', to: gateway.mac, dst: gateway[family] },
    ];
    return senders.flatMap(({ name, from, src }) =>
      aims
        .filter(({ to, dst }) => isBelievable(family, { from, src, to, dst }, gateway))
        .map(({ aim, to, dst }) => ({
          from,
          forgery: forgedUdp(`${name} to ${aim}, ${family}`, { from, to, src, dst }),
        })),
    );
  });
  const late = (from: string) => (from === peer.mac ? 1 : 0);
  return all.toSorted((a, b) => late(a.from) - late(b.from)).map(({ forgery }) => forgery);
}

/** What Linux itself refuses without any rule has no control: to oneself, and IPv4 from one of the host's own addresses. */
function isBelievable(
  family: 'v4' | 'v6',
  sent: { readonly from: string; readonly src: string; readonly to: string; readonly dst: string },
  gateway: Seat,
): boolean {
  if (sent.src === sent.dst || sent.from === sent.to) return false;
  return !(family === 'v4' && sent.src === gateway.v4 && sent.to === gateway.mac);
}

/** Answers and questions of ARP and neighbour discovery that put `claimed` at the liar's MAC, told to `listener`. */
function claims(liar: Seat, listener: Seat, claimed: Seat): readonly Uint8Array[] {
  const unknown = '00:00:00:00:00:00';
  const arp = (op: 1 | 2, to: string, tha: string, tpa: string) =>
    frames.arp({ op, sha: liar.mac, spa: claimed.v4, tha, tpa, to });
  const nd = (to: string, packet: Uint8Array) => frames.ethernet({ from: liar.mac, to, type: 0x86dd }, packet);
  const advert = (to: string, dst: string, src: string, target: string, solicited: boolean) =>
    nd(to, frames.neighborAdvert({ src, dst, target, lladdr: liar.mac, solicited }));
  const all = '33:33:00:00:00:01';
  return [
    arp(2, listener.mac, listener.mac, listener.v4),
    arp(1, listener.mac, unknown, listener.v4),
    arp(1, broadcast, unknown, claimed.v4),
    arp(2, broadcast, broadcast, claimed.v4),
    // an answer whose frame is the liar's and whose content is not
    frames.arp({
      op: 2,
      sha: strangeMac,
      spa: claimed.v4,
      tha: listener.mac,
      tpa: listener.v4,
      from: liar.mac,
      to: listener.mac,
    }),
    advert(listener.mac, listener.v6, liar.v6, claimed.v6, true),
    advert(listener.mac, listener.v6, claimed.v6, claimed.v6, true),
    advert(listener.mac, listener.v6, linkLocal(liar.mac), claimed.v6, false),
    advert(listener.mac, listener.v6, linkLocal(liar.mac), linkLocal(claimed.mac), false),
    advert(all, 'ff02::1', liar.v6, claimed.v6, false),
    nd(
      listener.mac,
      frames.neighborSolicit({ src: claimed.v6, dst: listener.v6, target: listener.v6, lladdr: liar.mac }),
    ),
  ];
}

/** What a router says, from a container: as itself, and as the gateway. */
function routing({ self, peer, gateway }: Scene): readonly Uint8Array[] {
  const src = linkLocal(self.mac);
  const router = linkLocal(gateway.mac);
  const at = { from: self.mac, to: peer.mac, type: 0x86dd };
  const offer = (from: string, dst: string) =>
    frames.routerAdvert({ src: from, dst, prefix: '2a0c:bad::', lladdr: self.mac });
  const turn = (from: string) =>
    redirect({ src: from, dst: peer.v6, target: src, destination: places.internet.v6, lladdr: self.mac });
  const toPeer = linkLocal(peer.mac);
  return [
    frames.ethernet(at, offer(src, toPeer)),
    frames.ethernet(at, offer(router, toPeer)),
    frames.ethernet({ ...at, to: '33:33:00:00:00:01' }, offer(src, 'ff02::1')),
    frames.ethernet(at, turn(src)),
    frames.ethernet(at, turn(router)),
  ];
}

/** A sender's own packets, with a tag before them. */
function tagged({ self, peer, gateway }: Scene): readonly Forgery[] {
  return families.flatMap((family) => {
    const inner = (dst: string, token: string) =>
      frames.udp({ src: self[family], dst, sport: 5555, dport: 9999 }, token);
    const tag = (name: string, vlan: number, tagType: number, to: string, dst: string): Forgery => {
      const token = freshToken();
      const frame = withTag({ from: self.mac, to, vlan, tag: tagType }, inner(dst, token));
      return { name: `${name}, ${family}`, token, frame };
    };
    return [
      tag('VLAN 5 to the neighbour', 5, 0x8100, peer.mac, peer[family]),
      tag('priority tag to the neighbour', 0, 0x8100, peer.mac, peer[family]),
      tag('provider tag to the neighbour', 5, 0x88a8, peer.mac, peer[family]),
      tag('priority tag to the gateway', 0, 0x8100, gateway.mac, gateway[family]),
      tag('priority tag to the internet', 0, 0x8100, gateway.mac, places.internet[family]),
    ];
  });
}

const strangeTypes = [0x88b5, 0x8864, 0x0040];

/** An ARP question to everybody. */
const asks = { op: 1, tha: '00:00:00:00:00:00', to: broadcast } as const;

/** Frames of EtherTypes that are no IP and no ARP, and one of IEEE 802.3 with a length in its place. */
function unknownFrames({ self, peer, gateway }: Scene): readonly Uint8Array[] {
  const payload = new Uint8Array(64).fill(0x42);
  return [peer.mac, gateway.mac, broadcast].flatMap((to) =>
    strangeTypes.map((type) => frames.ethernet({ from: self.mac, to, type }, payload)),
  );
}

/**
 * Frames that steal a MAC past every hook: bridges take those to link-local groups for themselves and learn their
 * sender on the way (net/bridge/br_input.c, `__br_handle_local_finish`).
 */
function thefts(from: string): readonly Uint8Array[] {
  const groups = ['01:80:c2:00:00:0e', '01:80:c2:00:00:03', '01:80:c2:00:00:00'];
  return groups.map((to) => frames.ethernet({ from, to, type: 0x88cc }, new Uint8Array(46)));
}

const ways = waysOf({ '28.5': 'iptables-nft' });

describe.each(ways)('forged senders on engine $name', { timeout: 60_000 }, ({ engine, backend }) => {
  let site: Site;
  const scenes = new Map<string, Scene>();
  const sceneOf = (who: string) => scenes.get(who) as Scene;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true, capAdd: ['NET_ADMIN'] }), 'up', '-d');
    const peer = await seatOf(site, victim);
    const gateway = await gatewayOf(site, 'app_default');
    const [raw, admin] = [await seatOf(site, forgers[0]), await seatOf(site, forgers[1])];
    scenes.set(forgers[0], { self: raw, peer, other: admin, gateway });
    scenes.set(forgers[1], { self: admin, peer, other: raw, gateway });
    await believeAtOnce(site, 'host', await bridgeOf(site, 'app_default'));
    await believeAtOnce(site, victim, 'eth0');
    await expectEveryForgeryToWork();
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** Runs something for each forger, with br_netfilter's sysctls on and off, when the neighbour has just spoken. */
  async function eachWay(ways: readonly Way[], work: (who: string, scene: Scene, how: string) => Promise<void>) {
    for (const { who, brNetfilter } of ways) {
      await site.host.setBrNetfilter(brNetfilter);
      await site.host.probe(victim, { to: places.internet.v4, port: 80 });
      await work(who, sceneOf(who), `${who}, bridge-nf-call-* ${brNetfilter}`);
    }
    await site.host.setBrNetfilter(true);
  }

  /** The control of everything below: without Sluice the lies arrive, are believed, and take effect. */
  async function expectEveryForgeryToWork(): Promise<void> {
    await eachWay(allWays, async (who, scene, how) => {
      const all = [...tagged(scene), ...lies(scene)];
      expect(await sendForgeries(site, who, all), how).toEqual(all.map(({ name }) => name));
    });
    await eachWay(twoWays, async (who, scene, how) => {
      expect(await overheard(who, [...routing(scene).slice(0, 3), ...unknownFrames(scene)]), how).toEqual([
        ...strangeTypes,
        134,
      ]);
      expect(await obeyed(), how).toBe(true);
      expect(await believers(who, scene), how).toEqual(['host v4', 'host v6', 'neighbour v4', 'neighbour v6']);
    });
    expect(await lossUnderTheft()).toBeGreaterThan(0.2);
    await borrowing((attempts) => expectControl(site, attempts));
    // whoever was deceived forgets it: what follows is not to live on old lies
    for (const who of ['host', victim, ...forgers]) await forgetNeighbours(site, who);
  }

  /** Puts the neighbour's addresses, its MAC and both on the interface of the one with NET_ADMIN, and back. */
  async function borrowing(work: (attempts: readonly Attempt[], how: string) => Promise<void>): Promise<void> {
    const who = 'app/app';
    const { self, peer, other } = sceneOf(who);
    const ip = async (...command: string[]) => {
      const done = await site.host.inNetworkOf(who, ['ip', ...command]);
      expect(done.stderr).toBe('');
    };
    // who knows its neighbours' MACs by itself needs no answer of ARP
    const neighbours = families.flatMap((family) =>
      [sceneOf(who).gateway, other].map((seat) => [seat[family], seat.mac]),
    );
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
  async function overheard(who: string, sent: readonly Uint8Array[]): Promise<readonly number[]> {
    const others = [victim, ...forgers].filter((other) => other !== who);
    const listeners = await Promise.all(others.map((name) => site.host.observer(name)));
    for (const listener of listeners) listener.clear();
    await site.host.sendFrames(who, sent);
    const heard = await Promise.all(
      listeners.map((listener) => listener.seen(({ to, smac }) => to !== 'other' && smac === sceneOf(who).self.mac)),
    );
    const kinds = heard.flat().flatMap(({ eth, type }) => {
      if (strangeTypes.includes(eth ?? 0)) return [eth as number];
      return type === 134 || type === 137 ? [type] : [];
    });
    return [...strangeTypes, 134, 137].filter((kind) => kinds.includes(kind));
  }

  /** Whether the neighbour gave itself an address from the forged router advertisement; it forgets it all afterwards. */
  async function obeyed(): Promise<boolean> {
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
  async function believers(who: string, { self, peer, gateway }: Scene): Promise<readonly string[]> {
    const tables = [
      { name: 'host', at: 'host', listener: gateway, claimed: peer },
      { name: 'neighbour', at: victim, listener: peer, claimed: gateway },
    ].flatMap((table) => families.map((family) => ({ ...table, family, address: table.claimed[family] })));
    for (const at of ['host', victim]) await forgetNeighbours(site, at);
    await site.host.probeMany(tables.map(({ at, address }) => ({ from: at, to: address, proto: 'icmp' })));
    const told = () => Promise.all(tables.map(({ at, address }) => knownMac(site, at, address)));
    expect(await told()).toEqual(tables.map(({ claimed }) => claimed.mac));
    await site.host.sendFrames(who, [...claims(self, gateway, peer), ...claims(self, peer, gateway)]);
    await sleep(20);
    const after = await told();
    return tables
      .filter(({ claimed }, index) => after[index] !== claimed.mac)
      .map(({ name, family }) => `${name} ${family}`);
  }

  /** Which part of the neighbour's answers is lost while somebody claims its MAC a thousand times a second. */
  async function lossUnderTheft(): Promise<number> {
    const stream = await site.host.stream(victim, {
      proto: 'udp',
      to: places.internet.v4,
      port: 4000,
      rate: 100,
      seconds: 1,
    });
    await site.host.sendFrames(forgers[0], thefts(sceneOf(forgers[0]).peer.mac), { count: 700, interval: 1000 });
    const { sent, answered } = await stream.report();
    expect(sent).toBeGreaterThan(50);
    return 1 - answered / sent;
  }

  test("a neighbour's address, MAC or both, a second or unknown address, and tagged frames get nowhere, each counted", async () => {
    await eachWay(allWays, async (who, scene, how) => {
      const risen = await risenBy(site, async () => {
        expect(await sendForgeries(site, who, [...tagged(scene), ...lies(scene)]), how).toEqual([]);
      });
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(lies(scene).length);
    });
  });

  test('answers of ARP and neighbour discovery for others are believed by nobody', async () => {
    await eachWay(twoWays, async (who, scene, how) => {
      const risen = await risenBy(site, async () => expect(await believers(who, scene), how).toEqual([]));
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(20);
    });
  });

  test('router advertisements, redirects and unknown protocols reach nobody', async () => {
    await eachWay(twoWays, async (who, scene, how) => {
      expect(await overheard(who, [...routing(scene), ...unknownFrames(scene)]), how).toEqual([]);
      expect(await obeyed(), how).toBe(false);
    });
  });

  test("a neighbour's place on the bridge cannot be stolen", async () => {
    expect(await lossUnderTheft()).toBeLessThan(0.05);
  });

  test("NET_ADMIN gets nothing out with a neighbour's address or MAC on its own interface", async () => {
    await borrowing(async (attempts, how) => {
      const risen = await risenBy(site, () => expectDenied(site, attempts));
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(attempts.length);
    });
  });

  test('a container that apply has not seen takes no place and no address of those it has', async () => {
    const scene = sceneOf('app/elasticsearch');
    await site.host.docker('run', '-d', '--name', 'newcomer', '--network', 'app_default', 'lab/app');
    const self = await seatOf(site, 'newcomer');
    const asNeighbour = frames.arp({ ...asks, sha: scene.peer.mac, spa: self.v4, tpa: self.v4 });
    const spec = { proto: 'udp', to: places.internet.v4, port: 4002, rate: 100, seconds: 1 } as const;
    const stream = await site.host.stream(victim, spec);
    await site.host.sendFrames('newcomer', [asNeighbour, ...thefts(scene.peer.mac)], { count: 700, interval: 1000 });
    const { sent, answered } = await stream.report();
    expect([sent > 50, sent - answered]).toEqual([true, 0]);
    expect(await believers('newcomer', { ...scene, self })).toEqual([]);
    await site.host.docker('rm', '-f', 'newcomer');
  });

  test("the neighbour's own traffic goes on while all this happens", async () => {
    const spec = { proto: 'udp', to: places.internet.v4, port: 4001, rate: 100, seconds: 2 } as const;
    const streams = await Promise.all([
      site.host.stream(victim, spec),
      site.host.stream(victim, { ...spec, to: places.internet.v6 }),
    ]);
    const scene = sceneOf('app/elasticsearch');
    await site.host.sendFrames(
      'app/elasticsearch',
      [
        ...lies(scene).map(({ frame }) => frame),
        ...claims(scene.self, scene.gateway, scene.peer),
        ...claims(scene.self, scene.peer, scene.gateway),
        ...routing(scene),
      ],
      { count: 10, interval: 50_000 },
    );
    for (const stream of streams) {
      const { sent, answered } = await stream.report();
      expect(sent).toBeGreaterThan(150);
      expect(answered).toBe(sent);
    }
  });
});
