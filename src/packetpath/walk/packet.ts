import type { Address } from '../../ip/address.ts';
import type { Interval } from '../../ip/interval.ts';

/** A number or an address that is known to lie between two, both inside; one value when they are equal. */
export type Span = Interval;

/** The span of one value. */
export const exactly = (value: bigint | number): Span => ({ low: BigInt(value), high: BigInt(value) });

/** The span of one address; its family is the packet's to know. */
export const spanOf = ({ value }: Address): Span => exactly(value);

/** An interface; `other-than`: one whose name is not known, but that it is none of these. */
export type Interface =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'other-than'; readonly names: readonly string[] };

export type ConnectionState = 'new' | 'established' | 'related' | 'invalid' | 'untracked';

/** A conversation as conntrack keeps it, with the translations that were decided for it. */
export interface Conversation {
  readonly state: ConnectionState;
  readonly direction: 'original' | 'reply';
  /** Whom its first packet was from and for, as it came in. */
  readonly original: Ends;
  /** Where its first packet went instead (DNAT), and what it seemed to come from there (SNAT); null: as it was. */
  readonly destination: End | null;
  readonly source: End | null;
  /** Whether each kind of translation has been decided, if only to change nothing (`nf_nat_initialized`). */
  readonly decided: { readonly destination: boolean; readonly source: boolean };
  readonly mark: bigint | null;
}

export interface End {
  readonly address: Span;
  /** null where the protocol has no ports. */
  readonly port: Span | null;
}

export interface Ends {
  readonly source: End;
  readonly destination: End;
}

/** A packet at one place of its way, as far as it is known. */
export interface Packet {
  readonly family: 4 | 6;
  /** null: there is none at this hook. */
  readonly in: Interface | null;
  readonly out: Interface | null;
  /** Ports of a bridge it came in by and will leave by; null where there are none. */
  readonly portIn: Interface | null;
  readonly portOut: Interface | null;
  /** Source of the frame it came in by; null: not known. */
  readonly mac: bigint | null;
  readonly source: Span;
  readonly destination: Span;
  /** IP protocol number. */
  readonly protocol: number;
  /** null where the protocol has no ports. */
  readonly sport: Span | null;
  readonly dport: Span | null;
  readonly icmp: { readonly type: number; readonly code: number } | null;
  /** Bits of the TCP header; null where it is not TCP or not known. */
  readonly tcpFlags: number | null;
  /** null: not known. */
  readonly mark: bigint | null;
  /** What conntrack knows; null before it looked, and where it will not. */
  readonly conversation: Conversation | null;
  /** Whether rules took it out of conntrack's sight. */
  readonly untracked: boolean;
  /** Whether the host itself sent it. */
  readonly ownSocket: boolean;
  /** Whether a rule turned it to the host itself (REDIRECT), whatever address of it that is. */
  readonly redirected: boolean;
}

export const tcp = 6;
export const udp = 17;
const withPorts: ReadonlySet<number> = new Set([tcp, udp, 33, 132, 136]); // DCCP, SCTP, UDP-Lite

/** Whether packets of an IP protocol have ports that the kernel's matches can read: TCP, UDP, DCCP, SCTP, UDP-Lite. */
export function hasPorts(protocol: number): boolean {
  return withPorts.has(protocol);
}

/** Text that is equal for packets that no rule could tell apart. */
export function packetKey(packet: Packet): string {
  return JSON.stringify(packet, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}
