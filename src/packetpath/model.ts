import type { Address } from '../ip/address.ts';
import type { Interval } from '../ip/interval.ts';

/**
 * Anybody's rules as values: what the readers of listings make, the walk follows, and `chains` explains. One form for
 * iptables and nftables: both walk chains of rules whose conditions are looked at in order. What a reader does not
 * understand stays in its place as `unknown` with its text, so that nothing is lost and nothing is guessed.
 */

export type TableFamily = 'ip' | 'ip6' | 'inet' | 'bridge' | 'arp' | 'netdev';

/** The kernel's two rule engines; the nft variant of iptables writes into nf_tables. `unknown`: the listing does not say. */
export type RuleEngine = 'legacy' | 'nf_tables' | 'unknown';

export type HookName = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

/** What stands, from one or more listings that belong together. */
export interface Listing {
  readonly tables: readonly Table[];
  /** Lines that could not be read: shown. One that is a rule stands in its chain besides, and nobody knows what it does. */
  readonly unread: readonly UnreadLine[];
  /** What nft lists of tables that are iptables' and among `tables`, with the same rules: left out there. Absent where none is. */
  readonly twice?: readonly Table[];
  /**
   * It breaks off, or what could not be read may be a chain, or a rule of nobody knows which: that may do anything to a packet.
   * Absent where that is not so.
   */
  readonly gaps?: true;
}

export interface Table {
  readonly engine: RuleEngine;
  readonly family: TableFamily;
  readonly name: string;
  /** In the order of the listing. */
  readonly chains: readonly Chain[];
  /** Named sets and maps of this table; ipsets belong to every table of their family and are in each. */
  readonly sets: readonly NamedSet[];
  /** Absent where it has none. */
  readonly flowtables?: readonly FlowTable[];
  /**
   * Whether this table may have chains that the listing leaves out (`iptables -nvL FORWARD`), or has some of which it is not
   * understood where the kernel calls them: what leads to a chain is not all known.
   */
  readonly partial: boolean;
}

/** Conversations that rules add to it skip all hooks behind ingress, on the way in by its devices. */
export interface FlowTable {
  readonly name: string;
  readonly devices: readonly string[];
}

export interface Chain {
  readonly name: string;
  /** null: a chain that others jump to. */
  readonly base: Base | null;
  readonly rules: readonly Rule[];
}

export interface Base {
  readonly hook: HookName;
  /** Lower is earlier (uapi/linux/netfilter_ipv4.h: raw -300, conntrack -200, mangle -150, dstnat -100, filter 0, ...). */
  readonly priority: number;
  readonly type: 'filter' | 'nat' | 'route';
  readonly policy: 'accept' | 'drop';
  /** Of netdev and ingress chains. */
  readonly device?: string;
}

/** Where a rule stands, for people: its number in its chain from 1, its line in a file, its handle. */
export interface Place {
  readonly number: number;
  /** From 1; of the listing it was read from. */
  readonly line?: number;
  /** nf_tables' own number of it. */
  readonly handle?: number;
}

export interface Rule {
  readonly place: Place;
  /** As the listing has it, without its counters and in one line. */
  readonly text: string;
  readonly comment: string | null;
  readonly counted: { readonly packets: number; readonly bytes: number } | null;
  /** Conditions, actions and verdicts in the order the kernel takes them; a condition that does not hold ends the rule. */
  readonly steps: readonly Step[];
  /** What this form of listing does not show of a rule, such as interfaces in `iptables -nL` without `-v`. */
  readonly lost: readonly string[];
}

export type Step =
  | { readonly kind: 'condition'; readonly condition: Condition }
  | { readonly kind: 'vmap'; readonly fields: readonly FieldRef[]; readonly entries: SetRef | readonly VerdictEntry[] }
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'verdict'; readonly verdict: Verdict };

/** What can be read of a packet, its way, or its conversation. Names follow nft(8). */
export type Field =
  | 'iifname'
  | 'oifname'
  /** The interface's kind: `bridge`, `veth` (rtnl_link_ops). */
  | 'iifkind'
  | 'oifkind'
  /**
   * The bridge port a frame came in or will leave by (br_netfilter, xt_physdev): the empty word where there is none, and of
   * `physout` also where the frame is not on its way through a bridge. So are `iifname` and `oifname` where there is none.
   */
  | 'physin'
  | 'physout'
  | 'ether saddr'
  | 'ether daddr'
  | 'ether type'
  /** Of a frame with a tag, which the walk's have not. */
  | 'vlan id'
  | 'nfproto'
  /** Of IPv4, in words of 32 bits: those of the walk have no options but IGMP's. */
  | 'header length'
  | 'saddr'
  | 'daddr'
  /** IP protocol, behind IPv6's extension headers. */
  | 'l4proto'
  | 'sport'
  | 'dport'
  | 'icmp type'
  /** Of IGMP, of whose packets the walk knows no more than the protocol. */
  | 'igmp type'
  | 'icmp code'
  | 'tcp flags'
  | 'ttl'
  /** A field of an IPv6 extension header, of which the walk's packets have none. */
  | 'exthdr'
  | 'mark'
  | 'pkttype'
  /** Kind of address, as routing sees it: `fib saddr type`, xt_addrtype. */
  | 'saddr type'
  | 'daddr type'
  /** Whether a route to the source leads out where it came in: `there`, `missing` (`fib saddr . iif oif`, xt_rpfilter). */
  | 'reverse path'
  | 'ct state'
  | 'ct status'
  | 'ct direction'
  | 'ct mark'
  | 'ct original saddr'
  | 'ct original daddr'
  | 'ct original dport'
  | 'cgroup'
  | 'skuid'
  /** Anything else: never known of a packet. */
  | 'other';

/**
 * A field, or some bits of it: compared is `field & mask`. A packet that has no such field (the port of an ICMP packet, the
 * conversation's addresses of one that is not tracked) meets no condition on it, negated or not.
 */
export interface FieldRef {
  readonly field: Field;
  readonly mask?: bigint;
  /** Restricts to packets of a family or protocol, as `tcp dport` and `ip saddr` do in nft: others do not match. */
  readonly only?: { readonly family?: 4 | 6; readonly protocol?: number };
}

/**
 * One value of a field. Interface names and words (`established`, `local`, `dnat`, `reply`, `bridge`) are texts, of which
 * the last character `*` in `prefix` form stands for any rest; numbers, addresses and MACs are closed ranges.
 */
export type Value =
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | ({ readonly kind: 'range' } & Interval);

/** One value for each of the fields. */
export type Tuple = readonly Value[];

export type Condition =
  /** The fields' values are (or, with `not`, are not) among those listed. Several fields: a concatenation. */
  | {
      readonly kind: 'among';
      readonly fields: readonly FieldRef[];
      readonly not: boolean;
      readonly values: SetRef | readonly Tuple[];
    }
  /**
   * A set of bits, such as ct state or ct status: whether any of the words is among what the packet has. xt_conntrack's states
   * may be mixed with `dnat` and `snat`, which are bits of the status: `ct state` is then any of both kinds.
   */
  | { readonly kind: 'any-of'; readonly field: FieldRef; readonly not: boolean; readonly words: readonly string[] }
  /** Depends on what came before or on chance: limit, quota, hashlimit, statistic, recent, connlimit. */
  | { readonly kind: 'depends'; readonly on: string }
  /** Not understood, or of a module whose state nobody can see: its text. */
  | { readonly kind: 'unknown'; readonly text: string };

export interface SetRef {
  readonly set: string;
}

export interface NamedSet {
  readonly name: string;
  /**
   * What its elements are made of; `other` where that is not understood. An ipset may be asked of either side of a packet:
   * its addresses are `saddr` and its ports `sport` here, and the condition's own fields say what is compared.
   */
  readonly fields: readonly Field[];
  /** Of a verdict map its verdicts, else null. */
  readonly entries: readonly SetEntry[];
  /** Elements are added by packets or have timeouts, or the listing does not show them: what it holds now is not certain. */
  readonly uncertain: boolean;
}

export interface SetEntry {
  readonly key: Tuple;
  readonly verdict: Verdict | null;
  /** ipset's `nomatch`: an exception to a wider one. */
  readonly except: boolean;
  /** ipset's `skbmark`, which rules may give to packets. */
  readonly mark?: Marking;
}

/** `mark = (mark & ~mask) ^ value`. */
export interface Marking {
  readonly value: bigint;
  readonly mask: bigint;
}

export interface VerdictEntry {
  readonly key: Tuple;
  readonly verdict: Verdict;
}

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'continue' }
  | { readonly kind: 'reject'; readonly with: string }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  /** To user space: what becomes of the packet there is not known. */
  | { readonly kind: 'queue' }
  /** A target that is not understood: whether it ends the packet's walk is not known. */
  | { readonly kind: 'unknown'; readonly text: string };

export type Action =
  | { readonly kind: 'count' | 'log' | 'notrack' | 'trace' }
  /** `mark = (mark & ~mask) ^ value`, of the packet or of its conversation. */
  | { readonly kind: 'set-mark'; readonly of: 'packet' | 'ct'; readonly value: bigint; readonly mask: bigint }
  /** `to = (to & ~mask) ^ (from & mask)`: to the conversation's from the packet's, or the other way. */
  | { readonly kind: 'copy-mark'; readonly from: 'packet' | 'ct'; readonly mask: bigint }
  /**
   * Gives the packet the mark of the element that it is in, the most exact one; in none, or without a mark of its own, it
   * leaves it (net/netfilter/xt_set.c, set_target_v3). null: which set is not shown.
   */
  | { readonly kind: 'map-mark'; readonly fields: readonly FieldRef[]; readonly set: string | null }
  /** Address translation is always followed by the verdict `accept`: it ends the walk of its table. */
  | { readonly kind: 'dnat' | 'snat'; readonly to: Nat }
  | { readonly kind: 'masquerade' | 'redirect'; readonly ports: Ports | null }
  /** Changes nothing that a verdict could hang on (TCPMSS, TTL, CHECKSUM, DSCP), or is not understood (`certain: false`). */
  | { readonly kind: 'other'; readonly text: string; readonly certain: boolean };

/** Where network address translation sends a packet. null: left as it is, or not readable (then `text` says it). */
export interface Nat {
  readonly address: Address | null;
  readonly ports: Ports | null;
  readonly text: string;
}

export interface Ports {
  readonly low: number;
  readonly high: number;
}

/** A line of a listing that could not be read. */
export interface UnreadLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly why: string;
}
