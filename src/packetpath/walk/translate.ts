import { addressOf, formatAddress, maxValue } from '../../ip/address.ts';
import type { Translation } from './act.ts';
import { type Conversation, type End, exactly, type Packet, type Span, spanOf } from './packet.ts';
import { addressOn, type Surroundings } from './surroundings.ts';
import type { Way } from './way.ts';

/** Which end of a packet a station of address translation may change. */
export type Which = 'source' | 'destination';

const anywhere = (family: 4 | 6): Span => ({ low: 0n, high: maxValue(family) });

/** What a rule makes of the first packet of a conversation (net/netfilter/nf_nat_core.c, nf_nat_setup_info). */
export function translated(action: Translation, way: Way, surroundings: Surroundings): Way {
  const { packet } = way;
  const which = action.kind === 'dnat' || action.kind === 'redirect' ? 'destination' : 'source';
  const end = endOf(action, packet, surroundings);
  const before = which === 'destination' ? destinationOf(packet) : sourceOf(packet);
  const known = packet.conversation;
  if (known === null) return way;
  const conversation: Conversation = {
    ...known,
    [which]: isSameEnd(before, end) ? null : end,
    decided: { ...known.decided, [which]: true },
  };
  const redirected = action.kind === 'redirect' || (which === 'source' && packet.redirected);
  return move(way.with({ ...packet, conversation, redirected }), which, end);
}

function endOf(action: Translation, packet: Packet, surroundings: Surroundings): End {
  const { family } = packet;
  const keep = (port: Span | null, ports: { readonly low: number; readonly high: number } | null): Span | null =>
    ports === null || port === null ? port : { low: BigInt(ports.low), high: BigInt(ports.high) };
  switch (action.kind) {
    case 'dnat': {
      const { address, ports } = action.to;
      const unread = address === null && ports === null;
      const to = address !== null ? spanOf(address) : unread ? anywhere(family) : packet.destination;
      return { address: to, port: keep(packet.dport, ports) };
    }
    case 'snat': {
      const { address, ports } = action.to;
      const unread = address === null && ports === null;
      const from = address !== null ? spanOf(address) : unread ? anywhere(family) : packet.source;
      return { address: from, port: keep(packet.sport, ports) };
    }
    case 'masquerade': {
      const out = packet.out?.kind === 'name' ? addressOn(packet.out.name, family, surroundings) : null;
      return { address: out === null ? anywhere(family) : spanOf(out), port: keep(packet.sport, action.ports) };
    }
    case 'redirect': {
      const loopback = exactly(family === 4 ? 0x7f00_0001n : 1n);
      const here = packet.in?.kind === 'name' ? addressOn(packet.in.name, family, surroundings) : null;
      const own = packet.in === null ? loopback : here === null ? anywhere(family) : spanOf(here);
      return { address: own, port: keep(packet.dport, action.ports) };
    }
  }
}

/** Does to a packet what was decided for its conversation before (nf_nat_packet); the reply gets the reverse. */
export function retranslated(way: Way, which: Which): Way {
  const { conversation } = way.packet;
  if (conversation === null) return way;
  if (conversation.direction === 'original') {
    const end = conversation[which];
    return end === null ? way : move(way, which, end);
  }
  if (which === 'destination')
    return conversation.source === null ? way : move(way, which, conversation.original.source);
  return conversation.destination === null ? way : move(way, which, conversation.original.destination);
}

/** Chains of type nat have all been asked: what they left open stays as it is. */
export function settled(way: Way, which: Which): Way {
  const { packet } = way;
  const { conversation } = packet;
  if (conversation === null) return way;
  return way.with({
    ...packet,
    conversation: { ...conversation, decided: { ...conversation.decided, [which]: true } },
  });
}

function move(way: Way, which: Which, to: End): Way {
  const { packet } = way;
  const from = which === 'destination' ? destinationOf(packet) : sourceOf(packet);
  if (isSameEnd(from, to)) return way;
  const moved =
    which === 'destination'
      ? { ...packet, destination: to.address, dport: to.port }
      : { ...packet, source: to.address, sport: to.port };
  return way
    .with(moved)
    .after({ kind: 'translated', what: which, from: endText(from, packet.family), to: endText(to, packet.family) });
}

export const sourceOf = ({ source, sport }: Packet): End => ({ address: source, port: sport });
export const destinationOf = ({ destination, dport }: Packet): End => ({ address: destination, port: dport });

/** Whether two spans are equal; null, of a packet that has no ports, equals null alone. */
export function isSameSpan(a: Span | null, b: Span | null): boolean {
  return a === null || b === null ? a === b : a.low === b.low && a.high === b.high;
}

function isSameEnd(a: End, b: End): boolean {
  return isSameSpan(a.address, b.address) && isSameSpan(a.port, b.port);
}

/** `172.18.0.2:3000`; what is not known is left out or said so. */
export function endText({ address, port }: End, family: 4 | 6): string {
  const text =
    address.low === address.high ? formatAddress(addressOf(family, address.low)) : 'an address that is not known';
  if (port === null || port.low !== port.high) return text;
  return family === 6 && address.low === address.high ? `[${text}]:${port.low}` : `${text}:${port.low}`;
}
