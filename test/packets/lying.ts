/** Frames by which a container says that it is somebody else, or a router, or nothing that anybody knows. */
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { type Forgery, forgedUdp, linkLocal, redirect, type Seat, withTag } from './forging.ts';

export const families = ['v4', 'v6'] as const;
const nobody = { v4: '45.66.77.88', v6: '2a0c:66::88' } as const;
const spare = { v4: '172.20.66.66', v6: 'fd00:172:20::66:66' } as const;
const broadcast = 'ff:ff:ff:ff:ff:ff';
const strangeMac = '02:42:de:ad:be:ef';

/** A liar and those around it. */
export interface Scene {
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
export function lies({ self, peer, other, gateway }: Scene): readonly Forgery[] {
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
export function claims(liar: Seat, listener: Seat, claimed: Seat): readonly Uint8Array[] {
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
export function routing({ self, peer, gateway }: Scene): readonly Uint8Array[] {
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
export function tagged({ self, peer, gateway }: Scene): readonly Forgery[] {
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

export const strangeTypes = [0x88b5, 0x8864, 0x0040];

/** An ARP question to everybody. */
export const asks = { op: 1, tha: '00:00:00:00:00:00', to: broadcast } as const;

/** Frames of EtherTypes that are no IP and no ARP, and one of IEEE 802.3 with a length in its place. */
export function unknownFrames({ self, peer, gateway }: Scene): readonly Uint8Array[] {
  const payload = new Uint8Array(64).fill(0x42);
  return [peer.mac, gateway.mac, broadcast].flatMap((to) =>
    strangeTypes.map((type) => frames.ethernet({ from: self.mac, to, type }, payload)),
  );
}

/**
 * Frames that steal a MAC past every hook: bridges take those to link-local groups for themselves and learn their
 * sender on the way (net/bridge/br_input.c, `__br_handle_local_finish`).
 */
export function thefts(from: string): readonly Uint8Array[] {
  const groups = ['01:80:c2:00:00:0e', '01:80:c2:00:00:03', '01:80:c2:00:00:00'];
  return groups.map((to) => frames.ethernet({ from, to, type: 0x88cc }, new Uint8Array(46)));
}
