import { type Conversation, type Ends, hasPorts, type Packet, type Span, tcp } from './packet.ts';
import type { Outcome } from './result.ts';
import type { Asked } from './walk.ts';

/** The first packet of a conversation, as its sender makes it. */
export interface First {
  readonly from: Asked['from'];
  readonly family: 4 | 6;
  /** Its sender's MAC, where it is known. */
  readonly mac?: bigint | null;
  readonly source: Span;
  readonly destination: Span;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port; ignored where the protocol has none. */
  readonly port: Span;
  /** Whether it is for the host itself, whatever address of it that is. */
  readonly toHost?: boolean;
}

/** net.ipv4.ip_local_port_range as Linux sets it: where senders that choose no port get theirs. */
const ephemeral: Span = { low: 32_768n, high: 60_999n };
const syn = 0x02;

/**
 * The first packet of a conversation as its sender makes it: with ports an ephemeral source port, of TCP a SYN, of ICMP and
 * ICMPv6 an echo request; without marks, and not yet met by any hook.
 */
export function firstPacket({
  from,
  family,
  mac = null,
  source,
  destination,
  protocol,
  port,
  toHost = false,
}: First): Asked {
  const ported = hasPorts(protocol);
  const packet: Packet = {
    family,
    in: null,
    out: null,
    portIn: null,
    portOut: null,
    mac,
    source,
    destination,
    protocol,
    sport: ported ? ephemeral : null,
    dport: ported ? port : null,
    icmp: protocol === 1 ? { type: 8, code: 0 } : protocol === 58 ? { type: 128, code: 0 } : null,
    tcpFlags: protocol === tcp ? syn : null,
    mark: 0n,
    conversation: null,
    untracked: false,
    ownSocket: from === 'host',
    redirected: toHost,
  };
  return { packet, from, conversation: fresh(packet) };
}

/** A conversation that begins with a packet. */
function fresh({ source, sport, destination, dport }: Packet): Conversation {
  const original: Ends = {
    source: { address: source, port: sport },
    destination: { address: destination, port: dport },
  };
  return {
    state: 'new',
    direction: 'original',
    original,
    destination: null,
    source: null,
    decided: { destination: false, source: false },
    mark: 0n,
  };
}

/** ICMP and ICMPv6 echo replies (RFC 792, RFC 4443). */
const echoReplies = { 8: 0, 128: 129 } as const;

/**
 * The answer to a packet that was let through, as whoever got it sends it.
 *
 * @param from where it comes from: the host itself, or the interface that the packet left by
 */
export function answerTo({ packet }: Outcome, from: Asked['from']): Asked {
  const { conversation: known } = packet;
  const answer: Packet = {
    ...packet,
    in: null,
    out: null,
    portIn: null,
    portOut: null,
    mac: null,
    source: packet.destination,
    destination: packet.source,
    sport: packet.dport,
    dport: packet.sport,
    icmp: packet.icmp === null ? null : { type: echoReplies[packet.icmp.type as 8 | 128], code: 0 },
    tcpFlags: null,
    mark: 0n,
    conversation: null,
    untracked: false,
    ownSocket: from === 'host',
    redirected: false,
  };
  return {
    packet: answer,
    from,
    conversation: known === null ? unheard(answer) : { ...known, state: 'established', direction: 'reply' },
  };
}

/**
 * What conntrack makes of an answer whose question it did not see: UDP begins a conversation, a SYN-ACK and an echo reply
 * are invalid (net/netfilter/nf_conntrack_proto_tcp.c, tcp_new; nf_conntrack_proto_icmp.c).
 */
function unheard(answer: Packet): Conversation | null {
  return answer.protocol === tcp || answer.icmp !== null ? null : fresh(answer);
}

/** The same conversation's packets once it stands: established, and what was decided at its beginning is done to them. */
export function laterPacket(asked: Asked, { packet: { conversation } }: Outcome): Asked {
  if (conversation === null) return asked;
  return { ...asked, conversation: { ...conversation, state: 'established' } };
}
