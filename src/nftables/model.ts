/**
 * The part of nftables that Sluice uses, as values: what render makes, print writes as nft text, read-json reads back from
 * `nft -j`, and interpret walks packets through. Names and meaning follow nft(8).
 */

export type TableFamily = 'inet' | 'bridge';

export interface Table {
  readonly family: TableFamily;
  readonly name: string;
  readonly counters: readonly string[];
  readonly sets: readonly NftSet[];
  readonly chains: readonly Chain[];
}

/** What a set's key is made of; a concatenation has several. */
export type KeyType =
  | 'iface_index'
  | 'ifname'
  | 'ether_addr'
  | 'ipv4_addr'
  | 'ipv6_addr'
  | 'inet_proto'
  | 'inet_service'
  /** The target address of a neighbour discovery message; nft before 1.0.9 knows it only as raw payload. */
  | 'nd_target'
  /** The destination of the packet that an error of ICMP or ICMPv6 quotes: raw payload, after an address of its family. */
  | 'quoted4'
  | 'quoted6';

export interface NftSet {
  readonly name: string;
  readonly key: readonly KeyType[];
  /** `interval`: keys may be ranges. */
  readonly interval: boolean;
  /** A map from keys to verdicts when `verdict`, else a plain set. */
  readonly data: 'none' | 'verdict';
  readonly elements: readonly Element[];
}

export interface Element {
  readonly key: readonly KeyPart[];
  readonly verdict?: Verdict;
}

/** Interface names are text; everything else is an unsigned integer range, `low` = `high` for one value. */
export type KeyPart = { readonly name: string } | { readonly low: bigint; readonly high: bigint };

export interface Chain {
  readonly name: string;
  readonly hook?: BaseHook;
  readonly rules: readonly Rule[];
}

/** Base chains are of type filter with policy accept. */
export interface BaseHook {
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output';
  readonly priority: number;
}

export type Rule = readonly Statement[];

/** What can be read from a packet or its conversation. */
export type Field =
  | 'iif'
  | 'iifname'
  /** The interface's kind, such as `bridge` (rtnl_link_ops); hardware has none. */
  | 'meta iifkind'
  | 'oif'
  | 'oifname'
  | 'ether saddr'
  | 'ether daddr'
  | 'ether type'
  /** Of a frame with a tag of IEEE 802.1Q. */
  | 'vlan id'
  /** In words of 32 bits: 5, and more where there are options (RFC 791). */
  | 'ip hdrlength'
  | 'ip saddr'
  | 'ip daddr'
  /** With the flags beside it: 0x4000 says that it is not to be taken apart (RFC 791). */
  | 'ip frag-off'
  | 'ip6 saddr'
  | 'ip6 daddr'
  | 'ip6 hoplimit'
  /** Of a fragment's header: what its packet goes on with behind it (RFC 8200 4.5). */
  | 'frag nexthdr'
  /** Of a routing header (RFC 8200 4.4). */
  | 'rt type'
  | 'meta l4proto'
  | 'meta nfproto'
  | 'meta time'
  | 'th dport'
  | 'icmp type'
  /** After the protocol: nft lists that no more, where it stands before. */
  | 'igmp type'
  | 'icmpv6 type'
  | 'nd target'
  | 'quoted ip daddr'
  | 'quoted ip6 daddr'
  | 'arp htype'
  | 'arp ptype'
  | 'arp hlen'
  | 'arp plen'
  | 'arp operation'
  | 'arp saddr ether'
  | 'arp saddr ip'
  | 'ct direction'
  | 'ct original ip daddr'
  | 'ct original ip6 daddr'
  | 'ct original proto-dst';

export type Statement =
  | {
      readonly kind: 'match';
      readonly fields: readonly Field[];
      readonly op: '==' | '!=' | '<';
      readonly value: Operand;
    }
  /** `meta mark and BIT != 0` (set) or `== 0` (clear). */
  | { readonly kind: 'mark-bit'; readonly of: 'meta' | 'ct'; readonly bit: number; readonly is: 'set' | 'clear' }
  | { readonly kind: 'change-mark'; readonly of: 'meta' | 'ct'; readonly bit: number; readonly to: 'set' | 'clear' }
  | {
      readonly kind: 'ct-state';
      readonly states: readonly ('invalid' | 'new' | 'established' | 'related' | 'untracked')[];
    }
  | { readonly kind: 'ct-status'; readonly status: 'dnat' }
  /** `tcp flags & (fin | syn | rst | ack) == syn`: the first packet of a TCP connection. */
  | { readonly kind: 'tcp-syn' }
  /** `fib saddr . iif oif missing`: no route back to the source leads out where the packet came in (nft_fib.c). */
  | { readonly kind: 'reverse-path'; readonly is: 'missing' }
  | { readonly kind: 'vmap'; readonly fields: readonly Field[]; readonly map: string }
  | { readonly kind: 'counter'; readonly name: string }
  | { readonly kind: 'reject'; readonly with: 'tcp-reset' | 'admin-prohibited' }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

export type Operand =
  | { readonly kind: 'set'; readonly name: string }
  | { readonly kind: 'values'; readonly values: readonly KeyPart[] };

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string };
