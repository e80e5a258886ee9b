/** What leaves a container half by the bridge and half past it, and answers of ARP under a tag. */
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { type Forgery, type Seat, withTag } from '../packets/forging.ts';
import { fragmented } from './fragments.ts';

/** Handed up on the port itself, past the bridge's hooks (net/bridge/br_input.c, br_handle_frame). */
const pastTheBridge = '01:80:c2:00:00:0e';
/** Of no network that anybody knows, so that nothing but the way decides. */
const nobody = { v4: '45.66.77.88', v6: '2a0c:66::88' } as const;

/**
 * Datagrams in two fragments: the first under a tag of VLAN 0, by the bridge and not by br_netfilter; the rest past the bridge.
 * Conntrack puts them together before any rule of iptables is asked, and the whole then came by the port, in a frame that
 * is the first one's (net/ipv4/inet_fragment.c, inet_frag_reasm_prepare).
 */
export function halved(self: Seat, gateway: Seat): readonly Forgery[] {
  const aims = { 'a private host': places.private, 'the internet': places.internet, 'the host': hostAddress, gateway };
  return (['v4', 'v6'] as const).flatMap((family) =>
    Object.entries(aims).flatMap(([aim, { [family]: dst }]): readonly Forgery[] => {
      const token = freshToken();
      const [src, type] = [nobody[family], family === 'v4' ? 0x0800 : 0x86dd];
      const body = frames
        .udp({ src, dst, sport: 4_321, dport: 9_999 }, token.padEnd(200))
        .slice(family === 'v4' ? 20 : 40);
      const parts = fragmented({ from: self.mac, to: gateway.mac, src, dst, next: 17 }, body, [104]);
      const [first, rest] = parts.map((frame) => frame.slice(14)) as [Uint8Array, Uint8Array];
      return [
        withTag({ from: self.mac, to: gateway.mac, vlan: 0 }, first),
        frames.ethernet({ from: self.mac, to: pastTheBridge, type }, rest),
      ].map((frame) => ({ name: `${aim}, ${family}`, token, frame }));
    }),
  );
}

/**
 * The same of which a partner sends the first fragment, in its own name and as it may, and the container the rest past the
 * bridge: to the group that no hook hears of, and to one of those that are handed up behind one.
 */
export function withPartner(
  self: Seat,
  partner: Seat,
  partnersGateway: Seat,
  gateway: Seat,
): { readonly firsts: readonly Uint8Array[]; readonly rests: readonly Forgery[] } {
  const aims = { 'a private host': places.private, 'the internet': places.internet, 'the host': hostAddress, gateway };
  const groups = [pastTheBridge, '01:80:c2:00:00:02', '01:80:c2:00:00:00'];
  const halves = (['v4', 'v6'] as const).flatMap((family) =>
    Object.entries(aims).flatMap(([aim, { [family]: dst }]) =>
      groups.map((group) => {
        const token = freshToken();
        const src = partner[family];
        const text = `${' '.repeat(96)}${token}`.padEnd(200);
        const body = frames.udp({ src, dst, sport: 4_321, dport: 9_999 }, text).slice(family === 'v4' ? 20 : 40);
        const parts = fragmented({ from: partner.mac, to: partnersGateway.mac, src, dst, next: 17 }, body, [104]);
        const [first, rest] = parts as [Uint8Array, Uint8Array];
        const past = { from: self.mac, to: group, type: family === 'v4' ? 0x0800 : 0x86dd };
        const frame = frames.ethernet(past, rest.slice(14));
        return { first, rest: { name: `${aim}, ${family}, by ${group}`, token, frame } };
      }),
    ),
  );
  return { firsts: halves.map(({ first }) => first), rests: halves.map(({ rest }) => rest) };
}

/** Who sends one part of a datagram, and by which gateway's MAC. */
export interface Half {
  readonly who: string;
  readonly mac: string;
  readonly gateway: string;
}

/** Datagrams in somebody's name to each of these places, in two fragments that two may send; their text is in the rest. */
export function halvesAs(
  name: Seat,
  [one, two]: readonly [Half, Half],
  aims: Readonly<Record<string, { readonly v4: string; readonly v6: string }>>,
): readonly { readonly name: string; readonly token: string; readonly first: Uint8Array; readonly rest: Uint8Array }[] {
  return (['v4', 'v6'] as const).flatMap((family) =>
    Object.entries(aims).map(([aim, { [family]: dst }]) => {
      const [token, src] = [freshToken(), name[family]];
      const text = `${' '.repeat(96)}${token}`.padEnd(200);
      const body = frames.udp({ src, dst, sport: 4_321, dport: 9_999 }, text).slice(family === 'v4' ? 20 : 40);
      const parts = fragmented({ from: one.mac, to: one.gateway, src, dst, next: 17 }, body, [104]);
      const [first, second] = parts as [Uint8Array, Uint8Array];
      const at = { from: two.mac, to: two.gateway, type: family === 'v4' ? 0x0800 : 0x86dd };
      return { name: `${aim}, ${family}`, token, first, rest: frames.ethernet(at, second.slice(14)) };
    }),
  );
}

/** What a host takes off before it looks what is in a frame: tags of VLAN 0 (IEEE 802.1Q, 802.1ad), one or two. */
const tags = [
  [0x81, 0, 0, 0],
  [0x88, 0xa8, 0, 0],
  [0x81, 0, 0, 0, 0x81, 0, 0, 0],
] as const;

/** An answer of ARP to the gateway that the neighbour's address is at the liar's MAC, under each of them. */
export function taggedLies(self: Seat, gateway: Seat, peer: Seat): readonly Uint8Array[] {
  const lie = frames.arp({ op: 2, sha: self.mac, spa: peer.v4, tha: gateway.mac, tpa: gateway.v4, to: gateway.mac });
  return tags.map((tag) => Uint8Array.from([...lie.slice(0, 12), ...tag, ...lie.slice(12)]));
}
