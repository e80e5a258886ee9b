import type { Family } from '../ip/address.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { PortRange } from '../ip/protocol.ts';

/**
 * The part of iptables, ipset and ebtables that Sluice uses, as values: render makes them, print writes them as the text
 * of the restore commands. Meaning follows iptables-extensions(8), ipset(8) and ebtables(8).
 */

export const tableNames = ['raw', 'mangle', 'filter', 'security'] as const;
export type TableName = (typeof tableNames)[number];
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD';

export interface XTable {
  readonly name: TableName;
  /** Which chain of ours each hook jumps to, before everybody else's rules. */
  readonly jumps: readonly { readonly hook: Hook; readonly chain: string }[];
  readonly chains: readonly XChain[];
}

export interface XChain {
  /** At most 28 characters. */
  readonly name: string;
  readonly rules: readonly XRule[];
}

export interface XRule {
  readonly matches: readonly Match[];
  /** A rule without one counts. */
  readonly target?: Target;
  /** The name under which its packets are counted. */
  readonly counts?: string;
}

/** Which end of a packet a set is asked for; with two, the second is the interface or the port. */
export type Direction = 'src' | 'dst' | 'src,src' | 'dst,dst';

export type Match =
  | { readonly kind: 'set'; readonly set: string; readonly of: Direction; readonly not?: true }
  /** Interface of arrival; `starts` with the name. */
  | { readonly kind: 'in'; readonly name: string; readonly starts?: true }
  | { readonly kind: 'mark'; readonly value: number; readonly mask: number; readonly not?: true }
  | { readonly kind: 'connmark'; readonly value: number; readonly mask: number }
  | { readonly kind: 'ct-state'; readonly states: readonly string[] }
  | { readonly kind: 'ct-direction'; readonly direction: 'ORIGINAL' | 'REPLY' }
  /** Destination before DNAT. */
  | { readonly kind: 'ct-destination'; readonly prefix: Prefix }
  | { readonly kind: 'ct-port'; readonly ports: PortRange }
  /** Never 0, which iptables takes for every protocol. */
  | { readonly kind: 'protocol'; readonly protocol: number }
  /** Protocol 0 of IPv4 (IANA: HOPOPT); on IPv6 it is a header that is never the last one. */
  | { readonly kind: 'protocol-zero' }
  /** Destination ports: at most 15, a range counting for two. After a protocol that has ports. */
  | { readonly kind: 'ports'; readonly ports: readonly PortRange[] }
  /** Type of ICMP or ICMPv6, by the table's family. */
  | { readonly kind: 'icmp'; readonly type: number }
  | { readonly kind: 'hop-limit'; readonly is: number }
  | { readonly kind: 'tcp-syn' }
  /** No route back to the source leads out where the packet came in; at PREROUTING of raw and mangle (xt_rpfilter.c). */
  | { readonly kind: 'reverse-path-missing' }
  /** Before this second since the epoch. */
  | { readonly kind: 'before'; readonly seconds: number }
  | { readonly kind: 'source' | 'destination'; readonly prefix: Prefix; readonly not?: true }
  /** The interface of arrival by its number, for one whose name cannot be told. At PREROUTING: its bridge, where it is a port. */
  | { readonly kind: 'in-index'; readonly index: number }
  /** The link layer's destination is a group. */
  | { readonly kind: 'link-multicast' }
  /** An IPv4 packet has options (RFC 791). */
  | { readonly kind: 'ip-options' }
  /** An IPv6 packet has a routing header (RFC 8200 4.4). */
  | { readonly kind: 'routing-header' }
  /** A question of IGMP, after its protocol: its type is 0x11 (RFC 2236). */
  | { readonly kind: 'igmp-question' }
  /** The target of a neighbour advertisement is not its source, or there are extension headers (RFC 4861 4.4). */
  | { readonly kind: 'nd-target-is-another' }
  /** Router or neighbour discovery says of another MAC than the frame's that the sender is there, or has other options (RFC 4861 4.6.1). */
  | { readonly kind: 'nd-link-is-another' }
  /** An error of ICMP or ICMPv6 quotes a packet that was sent to where it comes from. */
  | { readonly kind: 'quotes-what-it-got' };

export type Target =
  | { readonly kind: 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  /** `mark = (mark & ~mask) ^ value`. */
  | { readonly kind: 'set-mark'; readonly value: number; readonly mask: number }
  | { readonly kind: 'set-connmark'; readonly value: number; readonly mask: number }
  /** The mark that the set has for the packet's source and interface. */
  | { readonly kind: 'map-mark'; readonly set: string }
  | { readonly kind: 'reject'; readonly with: 'tcp-reset' | 'admin-prohibited' };

export type IpSetType = 'hash:net' | 'hash:ip,port' | 'hash:net,iface' | 'list:set';

export interface IpSet {
  /** At most 26 characters: five are for the generation. */
  readonly name: string;
  readonly type: IpSetType;
  readonly family: Family;
  /** Whether elements carry marks. */
  readonly marks: boolean;
  readonly elements: readonly IpSetElement[];
}

export interface IpSetElement {
  /** As ipset prints it: `10.0.0.0/8`, `10.0.0.1,tcp:80`, `10.0.0.1,br0`; the name of a set without its generation. */
  readonly key: string;
  readonly mark?: { readonly value: number; readonly mask: number };
  /** What is in it is not in the set, though a wider element has it. */
  readonly nomatch?: true;
}

/** A table of the bridge family, as ebtables has it. */
export interface EbTable {
  readonly name: 'nat' | 'filter';
  readonly jumps: readonly {
    readonly hook: 'PREROUTING' | 'INPUT' | 'FORWARD' | 'POSTROUTING';
    readonly chain: string;
  }[];
  readonly chains: readonly EbChain[];
}

export interface EbChain {
  readonly name: string;
  readonly rules: readonly EbRule[];
}

export interface EbRule {
  readonly matches: readonly EbMatch[];
  readonly target: EbTarget;
}

/** 802_1Q and 0x88a8: a VLAN tag stands where the type would (IEEE 802.1Q, 802.1ad). */
export type EtherType = 'IPv4' | 'IPv6' | 'ARP' | '802_1Q' | '0x88a8';

export type EbMatch =
  | { readonly kind: 'in' | 'out'; readonly name: string; readonly starts?: true }
  | { readonly kind: 'source-mac'; readonly mac: string; readonly not?: true }
  /** The destination is a link-local group, 01:80:c2:00:00:0x (IEEE 802.1D, table 7-10). */
  | { readonly kind: 'link-local-group' }
  | { readonly kind: 'ether-type'; readonly type: EtherType; readonly not?: true }
  /** The tag's VLAN; after the EtherType of IEEE 802.1Q. */
  | { readonly kind: 'vlan'; readonly id: number }
  | { readonly kind: 'mark'; readonly bit: number; readonly is: 'set' | 'clear' }
  | { readonly kind: 'ip'; readonly end: 'src' | 'dst'; readonly prefix: Prefix }
  | { readonly kind: 'transport'; readonly family: Family; readonly protocol: 'igmp' | 'icmpv6' }
  | { readonly kind: 'icmpv6-type'; readonly type: number }
  /** ARP over Ethernet for IPv4, a request or a reply. */
  | { readonly kind: 'arp'; readonly operation: 1 | 2 }
  | { readonly kind: 'arp-source'; readonly mac?: string; readonly prefix: Prefix };

export type EbTarget =
  | { readonly kind: 'drop' | 'return' }
  | { readonly kind: 'jump'; readonly chain: string }
  /** Sets a bit of the packet mark and returns. */
  | { readonly kind: 'mark-and-return'; readonly bit: number }
  /** Takes a bit from the packet mark, and goes on. */
  | { readonly kind: 'clear-mark'; readonly bit: number };

/** Everything that stands for a ruleset. */
export interface XState {
  readonly sets: readonly IpSet[];
  readonly tables: Readonly<Record<Family, readonly XTable[]>>;
  readonly bridge: readonly EbTable[];
}
