import { type Family, formatAddress } from '../ip/address.ts';
import { hasIpOptions } from '../ip/options.ts';
import { formatPrefix } from '../ip/prefix.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import type { IpSet, IpSetElement, Match, Target, XRule, XTable } from './model.ts';

/** Text of iptables-restore(8) and ipset(8) restore, as their save commands print it. Everything in it is typed. */

/** How a set is called where it stands: its name with its generation. */
export type NameOfSet = (name: string) => string;

/** The lines of a rule: chain, matches, target. */
export function printRule(chain: string, rule: XRule, family: Family, nameOf: NameOfSet): string {
  const words = rule.matches.map((match) => printMatch(match, family, nameOf));
  const comment = rule.counts === undefined ? [] : [`-m comment --comment ${quoted(rule.counts)}`];
  const target = rule.target === undefined ? [] : [printTarget(rule.target, family, nameOf)];
  return ['-A', chain, ...words, ...comment, ...target].join(' ');
}

/** A table's chains with their rules, and the jumps to them; for people and for files. */
export function printTable(table: XTable, family: Family, nameOf: NameOfSet): string {
  return [
    `*${table.name}`,
    ...table.chains.map(({ name }) => `:${name} - [0:0]`),
    ...table.jumps.map(({ hook, chain }) => `-I ${hook} 1 -j ${chain}`),
    ...table.chains.flatMap(({ name, rules }) => rules.map((rule) => printRule(name, rule, family, nameOf))),
    'COMMIT',
    '',
  ].join('\n');
}

/** Interface names: the kernel's own limits (net/core/dev.c dev_valid_name), and no `+`, which stands for a beginning. */
export function printInterface(name: string): string {
  if (!isInterface(name)) throw new TypeError(`not an interface name: ${JSON.stringify(name)}`);
  return name;
}

/** Whether an interface of this name can be told to iptables, ipset and ebtables. */
export function isInterface(name: string): boolean {
  return /^[^\s/":*\\+,]{1,15}$/.test(name) && !name.startsWith('!');
}

function quoted(text: string): string {
  if (!/^[A-Za-z0-9_./: -]{1,255}$/.test(text)) throw new TypeError(`not a name: ${JSON.stringify(text)}`);
  return /^[A-Za-z0-9_./:-]+$/.test(text) ? text : `"${text}"`;
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const masked = ({ value, mask }: { readonly value: number; readonly mask: number }) => `${hex(value)}/${hex(mask)}`;
const not = (match: { readonly not?: true }) => (match.not === true ? '! ' : '');

/** cBPF on the IPv6 header: whether the next header is ICMPv6 and each word from `at` on is one of the source, and what to say then. */
function sameAsSource6(at: number, [same, other]: readonly [number, number]): string {
  const program = ['48 0 0 6', `21 0 17 ${protocolNumbers.icmpv6}`];
  for (const word of [0, 4, 8, 12])
    program.push(`32 0 0 ${at + word}`, '7 0 0 0', `32 0 0 ${8 + word}`, `29 0 ${13 - word} 0`);
  program.push(`6 0 0 ${same}`, `6 0 0 ${other}`);
  return `${program.length},${program.join(',')}`;
}

const [yes, no] = [65_535, 0];

/** The target is 8 bytes behind the beginning of ICMPv6 (RFC 4861 4.4). */
const targetIsAnother = sameAsSource6(48, [no, yes]);

/** The frame's source, behind the destination's six bytes (linux/filter.h, SKF_LL_OFF). */
const linkSource = 0xffe0_0000 + 6;

/**
 * Of a solicitation or an advertisement, behind no other header: it has no option, or one of eight bytes with the frame's source in
 * it, 2 bytes behind its beginning; who has no address yet says nothing by it. The fixed part of a router solicitation has 8
 * bytes, of the others 24.
 */
const linkIsAnother = counted(
  `48 0 0 6,21 0 28 ${protocolNumbers.icmpv6}`,
  '32 0 0 8,21 0 6 0,32 0 0 12,21 0 4 0,32 0 0 16,21 0 2 0,32 0 0 20,21 21 0 0',
  `32 0 0 ${linkSource},2 0 0 0,40 0 0 ${linkSource + 4},2 0 0 1`,
  '1 0 0 24,48 0 0 40,21 0 1 133,1 0 0 8',
  '40 0 0 4,29 11 0 0,28 0 0 0,21 0 8 8,3 0 0 2',
  '64 0 0 42,97 0 0 0,29 0 4 0,97 0 0 2,72 0 0 46,97 0 0 1,29 1 0 0',
  `6 0 0 ${yes},6 0 0 ${no}`,
);

/** A program from parts of it, with the number of its instructions before them. */
function counted(...parts: readonly string[]): string {
  const program = parts.join(',');
  return `${program.split(',').length},${program}`;
}

/** The quoted header begins 8 bytes behind that of ICMP, with its destination at 16 (RFC 791) or 24 (RFC 8200). */
const quotesWhatItGot: Readonly<Record<Family, string>> = {
  4: `7,177 0 0 0,64 0 0 24,7 0 0 0,32 0 0 12,29 0 1 0,6 0 0 ${yes},6 0 0 ${no}`,
  6: sameAsSource6(72, [yes, no]),
};

/** cBPF: the index of the packet's device (linux/filter.h, SKF_AD_OFF + SKF_AD_IFINDEX) is this one. */
const cameByIndex = (index: number): string => `4,32 0 0 ${0xffff_f000 + 8},21 0 1 ${index},6 0 0 65535,6 0 0 0`;

/** cBPF on the IPv4 header: what stands first behind it, with its options, is 0x11. */
const igmpQuestion = '5,177 0 0 0,80 0 0 0,21 0 1 17,6 0 0 65535,6 0 0 0';

/** cBPF on the IPv4 header: its protocol is 0. */
const protocolIsZero = '4,48 0 0 9,21 0 1 0,6 0 0 65535,6 0 0 0';

function printMatch(match: Match, family: Family, nameOf: NameOfSet): string {
  switch (match.kind) {
    case 'set':
      return `-m set ${not(match)}--match-set ${nameOf(match.set)} ${match.of}`;
    case 'in':
      return `-i ${printInterface(match.name)}${match.starts === true ? '+' : ''}`;
    case 'in-index':
      return `-m bpf --bytecode "${cameByIndex(match.index)}"`;
    case 'mark':
      return `-m mark ${not(match)}--mark ${masked(match)}`;
    case 'connmark':
      return `-m connmark --mark ${masked(match)}`;
    case 'ct-state':
      return `-m conntrack --ctstate ${match.states.join(',')}`;
    case 'ct-direction':
      return `-m conntrack --ctdir ${match.direction}`;
    case 'ct-destination':
      return `-m conntrack --ctorigdst ${formatPrefix(match.prefix)}`;
    case 'ct-port':
      return `-m conntrack --ctorigdstport ${range(match.ports)}`;
    case 'protocol':
      return `-p ${protocolWords[match.protocol] ?? match.protocol}`;
    case 'protocol-zero':
      return `-m bpf --bytecode "${protocolIsZero}"`;
    case 'ports':
      return `-m multiport --dports ${match.ports.map(range).join(',')}`;
    case 'icmp':
      return family === 4
        ? `-p icmp -m icmp --icmp-type ${match.type}`
        : `-p ipv6-icmp -m icmp6 --icmpv6-type ${match.type}`;
    case 'hop-limit':
      return family === 4 ? `-m ttl --ttl-eq ${match.is}` : `-m hl --hl-eq ${match.is}`;
    case 'tcp-syn':
      return '-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN';
    case 'reverse-path-missing':
      return '-m rpfilter --invert';
    case 'before':
      // the second named is the last one that matches (net/netfilter/xt_time.c)
      return `-m time --datestop ${new Date((match.seconds - 1) * 1000).toISOString().slice(0, 19)}`;
    case 'source':
      return `${not(match)}-s ${formatAddress(match.prefix.address)}/${match.prefix.length}`;
    case 'destination':
      return `${not(match)}-d ${formatAddress(match.prefix.address)}/${match.prefix.length}`;
    case 'link-multicast':
      return '-m pkttype --pkt-type multicast';
    case 'ip-options':
      return `-m bpf --bytecode "${hasIpOptions}"`;
    case 'routing-header':
      return '-m rt';
    case 'igmp-question':
      return `-m bpf --bytecode "${igmpQuestion}"`;
    case 'nd-target-is-another':
      return `-m bpf --bytecode "${targetIsAnother}"`;
    case 'nd-link-is-another':
      return `-m bpf --bytecode "${linkIsAnother}"`;
    case 'quotes-what-it-got':
      return `-m bpf --bytecode "${quotesWhatItGot[family]}"`;
  }
}

/** Words that the commands print for these numbers whatever /etc/protocols has. */
const protocolWords: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'ipv6-icmp',
  132: 'sctp',
};

const range = ({ low, high }: { readonly low: number; readonly high: number }) =>
  low === high ? `${low}` : `${low}:${high}`;

function printTarget(target: Target, family: Family, nameOf: NameOfSet): string {
  switch (target.kind) {
    case 'drop':
      return '-j DROP';
    case 'return':
      return '-j RETURN';
    case 'jump':
      return `-j ${target.chain}`;
    case 'goto':
      return `-g ${target.chain}`;
    case 'set-mark':
      return `-j MARK --set-xmark ${masked(target)}`;
    case 'set-connmark':
      return `-j CONNMARK --set-xmark ${masked(target)}`;
    case 'map-mark':
      return `-j SET --map-set ${nameOf(target.set)} src,src --map-mark`;
    case 'reject':
      return `-j REJECT --reject-with ${target.with === 'tcp-reset' ? 'tcp-reset' : family === 4 ? 'icmp-admin-prohibited' : 'icmp6-adm-prohibited'}`;
  }
}

/** More elements than any policy has. */
const mostElements = 16_777_216;

/** The lines that make a set and fill it. */
export function printSet(set: IpSet, nameOf: NameOfSet): readonly string[] {
  const name = nameOf(set.name);
  return [
    printCreate(set, name),
    ...set.elements.map((element) => `add ${name} ${printElement(set, element, nameOf)}`),
  ];
}

function printCreate({ type, family, marks, elements }: IpSet, name: string): string {
  if (type === 'list:set') return `create ${name} list:set size ${elements.length + 8}`;
  const size = Math.max(64, 2 ** Math.ceil(Math.log2(elements.length + 1)));
  const of = family === 4 ? 'inet' : 'inet6';
  return `create ${name} ${type} family ${of} hashsize ${size} maxelem ${mostElements}${marks ? ' skbinfo' : ''}`;
}

/**
 * An element as `ipset add SET` takes it, without the set's name: its key, then `nomatch` and `skbmark VALUE/MASK` where it has
 * them (ipset(8)). Of a `list:set` the key is the logical name of a set, and `nameOf` gives the name it has in the kernel.
 */
export function printElement(
  { type }: Pick<IpSet, 'type'>,
  { key, mark, nomatch }: IpSetElement,
  nameOf: NameOfSet,
): string {
  const text = `${type === 'list:set' ? nameOf(key) : key}${nomatch === true ? ' nomatch' : ''}`;
  return mark === undefined ? text : `${text} skbmark ${masked(mark)}`;
}
