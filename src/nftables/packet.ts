import type { Family } from '../ip/address.ts';

/** What nf_tables can see of a packet at a hook; what a rule asks for and the packet lacks makes the rule not match. */
export interface PacketView {
  /** The interface it came in through; null at the hooks of what the host itself sends. */
  readonly in: InterfaceView | null;
  /** The interface it will leave through; null where that is not decided yet, or it is for the host. */
  readonly out: InterfaceView | null;
  /** The packet mark, 32 bits. */
  readonly mark: number;
  readonly link: LinkHeader | null;
  readonly network: IpHeader | ArpHeader | null;
  /** Whether a route back to its source leads out of the interface it came in through; so it is unless told. */
  readonly reversePath?: 'there' | 'missing';
  readonly ct: Conversation;
}

export interface InterfaceView {
  readonly index: number;
  readonly name: string;
  /** Such as `bridge`; hardware has none. */
  readonly kind?: string;
}

interface LinkHeader {
  /** Source MAC, 48 bits. */
  readonly saddr: bigint;
  /** Destination MAC; the host's own unless told. */
  readonly daddr?: bigint;
  /** EtherType as it lies behind the MACs: for a frame with a VLAN tag that is the tag's, not the payload's. */
  readonly type: number;
  /** VLAN of the tag, where there is one. */
  readonly vlan?: number;
}

export interface IpHeader {
  readonly kind: 'ip';
  readonly family: Family;
  readonly saddr: bigint;
  readonly daddr: bigint;
  /** TTL or hop limit. */
  readonly hopLimit: number;
  /** IP protocol number, behind IPv6's extension headers. */
  readonly protocol: number;
  /** Of IPv4: words of 32 bits in its header; 5, which has no options, unless told. */
  readonly headerLength?: number;
  /** Of IPv4: the offset of a fragment, with the flags beside it; 0 unless told. */
  readonly fragOff?: number;
  /** Of an IPv6 fragment: the protocol or extension header that stands first behind its fragment header. */
  readonly fragment?: { readonly next: number };
  /** Of IPv6: the type of its routing header, where it has one. */
  readonly routingType?: number;
  readonly transport: Transport;
}

/** The first bytes of the transport header; `none` in a later fragment, or when the packet ends before. */
export type Transport =
  /** `tcpFlags`: the flags byte (RFC 9293) of TCP. */
  | { readonly kind: 'ports'; readonly sport: number; readonly dport: number; readonly tcpFlags?: number }
  /**
   * Of ICMP, and of IGMP as well. `target`: the address that a neighbour solicitation or advertisement speaks of (RFC 4861).
   * `quoted`: where the packet was sent that an error quotes.
   */
  | { readonly kind: 'icmp'; readonly type: number; readonly target?: bigint; readonly quoted?: bigint }
  | { readonly kind: 'none' };

/** ARP (RFC 826), with Ethernet and IPv4 addresses where the lengths say so. */
export interface ArpHeader {
  readonly kind: 'arp';
  readonly htype: number;
  readonly ptype: number;
  readonly hlen: number;
  readonly plen: number;
  readonly operation: number;
  readonly senderMac: bigint;
  readonly senderIp: bigint;
}

/** What conntrack holds of the packet's conversation; without an entry only the state can be asked. */
export type Conversation =
  | { readonly kind: 'none'; readonly state: 'invalid' | 'untracked' }
  | {
      readonly kind: 'entry';
      readonly state: 'new' | 'established' | 'related';
      readonly direction: 'original' | 'reply';
      readonly mark: number;
      /** The destination was changed (IPS_DST_NAT). */
      readonly dnat: boolean;
      /** Where the conversation's first packet was sent, before any NAT. */
      readonly original: { readonly family: Family; readonly daddr: bigint; readonly dport: number };
    };
