import { igmp } from '../../ip/igmp.ts';
import { withoutOptions } from '../../ip/options.ts';
import { prefixInterval } from '../../ip/prefix.ts';
import type { Field, FieldRef } from '../model.ts';
import { exactly, type Interface, type Packet, type Span, tcp } from './packet.ts';
import {
  interfaceNamed,
  isBroadcast,
  isMulticast,
  isOwn,
  overlaps,
  routeTo,
  type Surroundings,
} from './surroundings.ts';

/** What is known of a field of a packet at a hook. */
export type Known =
  /** The packet has no such field: a rule that asks for it ends, whatever it asks (NFT_BREAK; xtables says no match). */
  | { readonly kind: 'absent' }
  /** It has one, and nobody can tell which value. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'number'; readonly span: Span }
  /** Some MAC that is no group's (IEEE 802-2014, 8.2.2: the first octet's lowest bit is clear). */
  | { readonly kind: 'unicast-mac' }
  | { readonly kind: 'name'; readonly of: Interface }
  /** Words it certainly has, and those it may have beside. */
  | { readonly kind: 'words'; readonly has: readonly string[]; readonly may: readonly string[] };

const absent: Known = { kind: 'absent' };
const unknown: Known = { kind: 'unknown' };
const number = (value: bigint | number): Known => ({ kind: 'number', span: exactly(value) });
const word = (...has: readonly string[]): Known => ({ kind: 'words', has, may: [] });
const optional = (span: Span | null): Known => (span === null ? absent : { kind: 'number', span });

/** At which kind of hook a rule stands. */
export type Layer = 'ip' | 'bridge' | 'netdev';

/** Where a rule stands, as far as it changes what a field is. */
export interface Stand {
  readonly layer: Layer;
  readonly surroundings: Surroundings;
  /** Whether its conditions are iptables' own (xtables); null: its table may be of either. */
  readonly xtables: boolean | null;
}

/**
 * Reads a field of a packet as the kernel's expressions do (net/netfilter/nft_meta.c, nft_payload.c, nft_ct.c,
 * nft_fib.c): an interface that is not there has the empty name, a packet that conntrack did not see is `invalid` to it.
 */
export function fieldOf(ref: FieldRef, packet: Packet, stand: Stand): Known {
  const { only } = ref;
  if (only?.family !== undefined && only.family !== packet.family) return absent;
  if (only?.protocol !== undefined && only.protocol !== packet.protocol) return absent;
  return reading(ref.field, packet, stand);
}

function reading(field: Field, packet: Packet, stand: Stand): Known {
  const { layer, surroundings } = stand;
  switch (field) {
    case 'saddr':
      return { kind: 'number', span: packet.source };
    case 'daddr':
      return { kind: 'number', span: packet.destination };
    case 'iifname':
      return name(packet.in);
    case 'oifname':
      return name(packet.out);
    case 'physin':
      return name(packet.portIn);
    case 'physout':
      return name(packet.portOut);
    case 'iifkind':
      return kindOf(packet.in, surroundings);
    case 'oifkind':
      return kindOf(packet.out, surroundings);
    case 'l4proto':
      return number(packet.protocol);
    case 'nfproto':
      return number(layer === 'ip' ? (packet.family === 4 ? 2 : 10) : layer === 'bridge' ? 7 : 5);
    case 'ether type':
      return number(packet.family === 4 ? 0x0800 : 0x86dd);
    case 'ether saddr':
      if (packet.in === null) return absent;
      return packet.mac === null ? unknown : number(packet.mac);
    case 'ether daddr':
      return packet.in === null ? absent : frameFor(packet, surroundings);
    case 'sport':
      return optional(packet.sport);
    case 'dport':
      return optional(packet.dport);
    case 'icmp type':
      return packet.icmp === null ? absent : number(packet.icmp.type);
    case 'icmp code':
      return packet.icmp === null ? absent : number(packet.icmp.code);
    case 'tcp flags':
      if (packet.protocol !== tcp) return absent;
      return packet.tcpFlags === null ? unknown : number(packet.tcpFlags);
    case 'mark':
      return packet.mark === null ? unknown : number(packet.mark);
    case 'pkttype':
      return kindOfFrame(packet, layer, surroundings);
    case 'saddr type':
      return addressType(packet.source, packet, stand);
    case 'daddr type':
      return packet.redirected ? word('local') : addressType(packet.destination, packet, stand);
    case 'reverse path':
      return reversePath(packet, surroundings);
    case 'exthdr':
    case 'vlan id':
      return absent;
    case 'header length': // RFC 2236 and RFC 3376: IGMP has the router alert
      return packet.protocol === igmp.protocol ? unknown : number(withoutOptions);
    case 'skuid':
    case 'cgroup':
      return packet.ownSocket ? unknown : absent;
    case 'ttl':
    case 'igmp type':
    case 'other':
      return unknown;
    default:
      return tracked(field, packet);
  }
}

function tracked(field: Field & `ct ${string}`, { conversation, untracked, protocol }: Packet): Known {
  const translations = [
    ...(conversation === null || conversation.destination === null ? [] : ['dnat']),
    ...(conversation === null || conversation.source === null ? [] : ['snat']),
  ];
  // xt_conntrack counts the translations among the states (net/netfilter/xt_conntrack.c, conntrack_mt)
  if (field === 'ct state') return word(conversation?.state ?? (untracked ? 'untracked' : 'invalid'), ...translations);
  if (conversation === null) return absent;
  const { original } = conversation;
  switch (field) {
    case 'ct status': {
      const seen = conversation.state === 'established';
      const has = [...(seen ? ['seen-reply', 'confirmed'] : []), ...translations];
      return { kind: 'words', has, may: seen ? ['assured'] : conversation.state === 'related' ? ['expected'] : [] };
    }
    case 'ct direction':
      return word(conversation.direction);
    case 'ct mark':
      return conversation.mark === null ? unknown : number(conversation.mark);
    case 'ct original saddr':
      return { kind: 'number', span: original.source.address };
    case 'ct original daddr':
      return { kind: 'number', span: original.destination.address };
    case 'ct original dport':
      return protocol === 1 || protocol === 58 ? unknown : optional(original.destination.port);
  }
}

/** IPv6 may also find a longer way by that interface (net/ipv6/netfilter/nft_fib_ipv6.c, RT6_LOOKUP_F_IFACE). */
function reversePath({ source, family, in: by }: Packet, surroundings: Surroundings): Known {
  if (by === null) return absent;
  if (by.kind === 'name' && by.name === 'lo') return word('there'); // nft_fib_is_loopback, rpfilter_is_loopback
  const back = routeTo(source, family, surroundings);
  if (back.kind === 'nowhere') return word('missing');
  if (back.kind !== 'out' || back.by.kind !== 'name' || by.kind !== 'name') return unknown;
  if (back.by.name === by.name) return word('there');
  const others = surroundings.routes.some(
    ({ to, interface: of }) => of === by.name && to.address.family === family && overlaps(prefixInterval(to), source),
  );
  return family === 6 && others ? unknown : word('missing');
}

const nowhere: Interface = { kind: 'name', name: '' };

function name(of: Interface | null): Known {
  return { kind: 'name', of: of ?? nowhere };
}

function kindOf(of: Interface | null, surroundings: Surroundings): Known {
  if (of === null) return absent;
  const kind = of.kind === 'name' ? interfaceNamed(of.name, surroundings)?.kind : undefined;
  if (kind !== undefined && kind !== null) return word(kind);
  return surroundings.complete && kind === null ? word('') : unknown;
}

/**
 * For which MAC senders make a frame: a group's own address (RFC 1112 section 6.4, RFC 2464 section 7), everybody's, or that of
 * one neighbour.
 */
function frameFor({ destination, family }: Packet, surroundings: Surroundings): Known {
  const { low, high } = destination;
  if (low !== high) return unknown;
  if (isMulticast(destination, family))
    return number(family === 4 ? 0x0100_5e00_0000n | (low & 0x7f_ffffn) : 0x3333_0000_0000n | (low & 0xffff_ffffn));
  if (isBroadcast(destination, family, surroundings)) return number(0xffff_ffff_ffffn);
  return { kind: 'unicast-mac' };
}

/** Where a frame was for, by its MAC: known where IP has taken it. */
function kindOfFrame({ destination, family }: Packet, layer: Layer, surroundings: Surroundings): Known {
  if (isMulticast(destination, family)) return word('multicast');
  if (isBroadcast(destination, family, surroundings)) return word('broadcast');
  return layer === 'ip' ? word('unicast', 'host') : unknown;
}

/**
 * RTN_LOCAL and so on, by the host's addresses (net/netfilter/xt_addrtype.c, nft_fib.c). xtables counts the host's own
 * IPv6 addresses as unicast, too (match_type6).
 */
function addressType(span: Span, { family }: Packet, { surroundings, xtables }: Stand): Known {
  if (isMulticast(span, family)) return word('multicast');
  if (isBroadcast(span, family, surroundings)) return word('broadcast');
  if (span.low === 0n && span.high === 0n) return word('unspec', 'unspecified');
  switch (isOwn(span, family, surroundings)) {
    case 'yes':
      if (family === 4 || xtables === false) return word('local');
      return xtables === true ? word('local', 'unicast') : { kind: 'words', has: ['local'], may: ['unicast'] };
    case 'no':
      return word('unicast');
    case 'unknown':
      return { kind: 'words', has: [], may: ['local', 'unicast'] };
  }
}
