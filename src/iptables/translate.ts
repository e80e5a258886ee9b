import type { Family } from '../ip/address.ts';
import { intervalPrefixes } from '../ip/address-set.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { PortRange } from '../ip/protocol.ts';
import type { Chain, Field, KeyPart, NftSet, Rule, Statement, Verdict } from '../nftables/model.ts';
import { bits } from './marks.ts';
import type { Match, Target, XChain, XRule } from './model.ts';
import { digest, type Names } from './names.ts';
import { type Lookup, low, numbers } from './sets.ts';

/** What a chain of the neutral rules needs to become one of iptables. */
export interface Translation {
  readonly family: Family;
  readonly names: Names;
  /** The neutral set of a name. */
  readonly setOf: (name: string) => NftSet;
  /** How a set of destinations, or of interface and address, is looked up; asking for one makes it stand. */
  readonly lookups: (name: string) => readonly Lookup[];
  /** The set of interfaces of that name. */
  readonly interfaces: (name: string) => string;
  /** The chain that sets the scratch bit when the destination before DNAT is one of these. */
  readonly sentTo: (name: string, to: readonly KeyPart[]) => string;
  /** A set of destinations that has no name in the neutral rules. */
  readonly someAddresses: (parts: readonly KeyPart[]) => string;
  /** Rules that send each element of a map on interfaces to where it says. */
  readonly perInterface: (map: string) => readonly XRule[];
  /** Rules of a lookup in a map of senders. */
  readonly perSender: (map: string) => readonly XRule[];
  /** What accepting comes to: nobody else's rules may be passed over by it. */
  readonly accept: Target;
  /** What refusing with an answer comes to. */
  readonly refuse: Target;
  /** The mark of what is decided; null where accepting returns. */
  readonly decided: number | null;
}

/** A chain on one family; of rules that are about the other nothing is left. */
export function translateChain(chain: Chain, t: Translation): XChain {
  return { name: t.names.chain(chain.name), rules: chain.rules.flatMap((rule) => translateRule(rule, t)) };
}

/** Where a verdict leads. */
export function targetOf(verdict: Verdict, t: Pick<Translation, 'accept' | 'names'>): Target {
  switch (verdict.kind) {
    case 'accept':
      return t.accept;
    case 'drop':
    case 'return':
      return { kind: verdict.kind };
    case 'jump':
    case 'goto':
      return { kind: verdict.kind, chain: t.names.chain(verdict.chain) };
  }
}

/** After a jump: what was decided there is decided. */
export function untilDecided(decided: number): XRule {
  return { matches: [{ kind: 'mark', value: 0, mask: decided, not: true }], target: { kind: 'return' } };
}

function translateRule(rule: Rule, t: Translation): readonly XRule[] {
  if (rule.some((statement) => isOfOther(statement, t.family))) return [];
  // each alternative is a rule of its own, with the matches so far
  let ways: readonly (readonly Match[])[] = [[]];
  let counts: string | undefined;
  const before: XRule[] = [];
  const rules: XRule[] = [];
  const end = (target: Target) => {
    for (const matches of ways)
      rules.push({ matches: ordered(matches), target, ...(counts === undefined ? {} : { counts }) });
    if (target.kind === 'jump' && t.decided !== null) rules.push(untilDecided(t.decided));
  };
  for (const statement of rule) {
    switch (statement.kind) {
      case 'counter':
        counts = statement.name;
        break;
      case 'verdict':
        end(targetOf(statement.verdict, t));
        break;
      case 'reject':
        end(t.refuse);
        break;
      case 'change-mark': {
        if (statement.of === 'meta') throw new TypeError('packet marks are for the base chains');
        const value = statement.to === 'set' ? statement.bit : 0;
        end({ kind: 'set-connmark', value, mask: statement.bit });
        break;
      }
      case 'vmap':
        if (ways.length !== 1 || ways[0]?.length !== 0) throw new TypeError('a map is looked up first in its rule');
        rules.push(
          ...(statement.fields.includes('iifname') ? t.perInterface(statement.map) : t.perSender(statement.map)),
        );
        break;
      case 'match': {
        const sent = sentTo(statement, t);
        if (sent !== null) {
          // nothing of this is asked but for what DNAT has turned
          for (const matches of ways) {
            const when = ordered(matches);
            before.push(
              { matches: when, target: { kind: 'set-mark', value: 0, mask: bits.scratch } },
              { matches: when, target: { kind: 'jump', chain: sent } },
            );
          }
          ways = product(ways, [[{ kind: 'mark', value: bits.scratch, mask: bits.scratch }]]);
          break;
        }
        ways = product(ways, matchesOf(statement, t));
        break;
      }
      case 'ct-state':
      case 'ct-status':
      case 'tcp-syn':
      case 'mark-bit':
        ways = product(ways, [conditionOf(statement)]);
        break;
      case 'reverse-path': // inet/proof.ts
        throw new TypeError('iptables can ask for the way back in mangle PREROUTING only');
    }
  }
  return [...before, ...rules];
}

/** `-p` stands before what depends on it, and once. */
function ordered(matches: readonly Match[]): readonly Match[] {
  const protocols = matches.filter(({ kind }) => kind === 'protocol');
  const rest = matches.filter(({ kind }) => kind !== 'protocol');
  const named = rest.some(({ kind }) => kind === 'icmp' || kind === 'tcp-syn');
  return named ? rest : [...protocols.slice(0, 1), ...rest];
}

function product(
  ways: readonly (readonly Match[])[],
  with_: readonly (readonly Match[])[],
): readonly (readonly Match[])[] {
  return ways.flatMap((way) => with_.flatMap((more) => (contradict(way, more) ? [] : [[...way, ...more]])));
}

/** Two protocols at once match nothing. */
function contradict(a: readonly Match[], b: readonly Match[]): boolean {
  const of = (list: readonly Match[]) => list.flatMap((match) => (match.kind === 'protocol' ? [match.protocol] : []));
  const [mine, theirs] = [of(a), of(b)];
  return mine.some((one) => theirs.some((other) => one !== other));
}

const otherFamily: Readonly<Record<Family, ReadonlySet<Field>>> = {
  4: new Set<Field>([
    'ip6 saddr',
    'ip6 daddr',
    'ip6 hoplimit',
    'icmpv6 type',
    'quoted ip6 daddr',
    'ct original ip6 daddr',
  ]),
  6: new Set<Field>(['ip saddr', 'ip daddr', 'icmp type', 'quoted ip daddr', 'ct original ip daddr']),
};

function isOfOther(statement: Statement, family: Family): boolean {
  if (statement.kind === 'vmap') return statement.fields.some((field) => otherFamily[family].has(field));
  if (statement.kind !== 'match') return false;
  if (statement.fields[0] === 'meta nfproto')
    return statement.value.kind === 'values' && low(statement.value.values[0]) !== (family === 4 ? 2n : 10n);
  return statement.fields.some((field) => otherFamily[family].has(field));
}

/** The most prefixes that are a rule each. */
const fewPrefixes = 4;

/** The chain to ask about the destination before DNAT; null where the statement is about something else, or says it itself. */
function sentTo({ fields, value }: Extract<Statement, { kind: 'match' }>, t: Translation): string | null {
  if (fields[0] !== 'ct original ip daddr' && fields[0] !== 'ct original ip6 daddr') return null;
  if (value.kind === 'set')
    return t.sentTo(
      value.name,
      t.setOf(value.name).elements.flatMap(({ key }) => key),
    );
  if (prefixes(value.values, t.family).length <= fewPrefixes) return null;
  return t.sentTo(`range-${digest(rangeText(value.values))}`, value.values);
}

/** Text that is equal for equal lists of parts, to make names of: `LOW-HIGH` for numbers and addresses, names as they are. */
export function rangeText(parts: readonly KeyPart[]): string {
  return parts.map((part) => ('name' in part ? part.name : `${part.low}-${part.high}`)).join(',');
}

function conditionOf(
  statement: Extract<Statement, { kind: 'ct-state' | 'ct-status' | 'tcp-syn' | 'mark-bit' }>,
): readonly Match[] {
  switch (statement.kind) {
    case 'ct-state':
      return [{ kind: 'ct-state', states: statement.states.map((state) => state.toUpperCase()) }];
    case 'ct-status':
      return [{ kind: 'ct-state', states: ['DNAT'] }];
    case 'tcp-syn':
      return [{ kind: 'tcp-syn' }];
    case 'mark-bit': {
      const { bit, is } = statement;
      if (statement.of === 'meta') throw new TypeError('packet marks are for the base chains');
      return [{ kind: 'connmark', value: is === 'set' ? bit : 0, mask: bit }];
    }
  }
}

/** The ways in which a statement can match. */
function matchesOf(statement: Extract<Statement, { kind: 'match' }>, t: Translation): readonly (readonly Match[])[] {
  const { fields, op, value } = statement;
  const [field] = fields as readonly [Field];
  if (value.kind === 'set') return setMatches(fields, value.name, op, t);
  if (op === '!=') throw new TypeError(`${field} is compared by equality`);
  const parts = value.values;
  switch (field) {
    case 'meta nfproto':
      return [[]];
    case 'meta l4proto':
      return parts.flatMap((part) => protocolMatches(Number(low(part)), t.family)).map((match) => [match]);
    case 'th dport':
      return [[{ kind: 'ports', ports: parts.map(numbers) }]];
    case 'ct original proto-dst':
      return parts.map((part) => [{ kind: 'ct-port', ports: numbers(part) }]);
    case 'icmp type':
    case 'icmpv6 type':
      return parts.map((part) => [{ kind: 'icmp', type: Number(low(part)) }]);
    case 'ip6 hoplimit':
      return [[{ kind: 'hop-limit', is: Number(low(parts[0])) }]];
    case 'ct direction':
      return [[{ kind: 'ct-direction', direction: low(parts[0]) === 0n ? 'ORIGINAL' : 'REPLY' }]];
    case 'meta time':
      return [[{ kind: 'before', seconds: representable(Number(low(parts[0]))) }]];
    case 'ip saddr':
    case 'ip6 saddr':
      return prefixes(parts, t.family).map((prefix) => [{ kind: 'source', prefix }]);
    case 'ip daddr':
    case 'ip6 daddr':
      if (prefixes(parts, t.family).length > fewPrefixes)
        return [[{ kind: 'set', set: t.someAddresses(parts), of: 'dst' }]];
      return prefixes(parts, t.family).map((prefix) => [{ kind: 'destination', prefix }]);
    case 'ct original ip daddr':
    case 'ct original ip6 daddr':
      return prefixes(parts, t.family).map((prefix) => [{ kind: 'ct-destination', prefix }]);
    default:
      throw new TypeError(`iptables has nothing for ${field} here`);
  }
}

function setMatches(fields: readonly Field[], name: string, op: string, t: Translation): readonly (readonly Match[])[] {
  const not = op === '!=' ? ({ not: true } as const) : {};
  if (fields.length === 1 && fields[0] === 'iifname')
    return [[{ kind: 'set', set: t.interfaces(name), of: 'src,src', ...not }]];
  if (op !== '==') throw new TypeError(`${name} is asked for what is in it`);
  // the set has every known sender's own address twice: who is not known comes nowhere near it
  if (fields.some((field) => field.startsWith('quoted '))) return [[{ kind: 'quotes-what-it-got' }]];
  if (fields[0] === 'th dport') return chunks(portsOf(t.setOf(name))).map((ports) => [{ kind: 'ports', ports }]);
  if (fields[0] === 'ct original proto-dst') return portsOf(t.setOf(name)).map((ports) => [{ kind: 'ct-port', ports }]);
  const direction = fields.join(' ');
  return t.lookups(name).flatMap(({ set, protocol, ports }): readonly (readonly Match[])[] => {
    const of = setDirections[direction];
    if (of === undefined) throw new TypeError(`iptables has no lookup of ${direction}`);
    // what is a set of addresses here, though it has more fields there
    const looked: Match = { kind: 'set', set, of: protocol === undefined ? of : 'dst' };
    if (protocol === undefined) return [[looked]];
    return protocolMatches(protocol, t.family).flatMap((first): readonly (readonly Match[])[] =>
      ports === undefined
        ? [[first, looked]]
        : chunks(ports).map((some) => [first, { kind: 'ports', ports: some }, looked]),
    );
  });
}

const setDirections: Readonly<Record<string, 'src' | 'dst' | 'src,src' | 'dst,dst'>> = {
  'ip saddr': 'src',
  'ip6 saddr': 'src',
  'ip daddr': 'dst',
  'ip6 daddr': 'dst',
  'iif ip saddr': 'src,src',
  'iif ip6 saddr': 'src,src',
  'oif ip daddr': 'dst,dst',
  'oif ip6 daddr': 'dst,dst',
  'ip daddr meta l4proto th dport': 'dst,dst',
  'ip6 daddr meta l4proto th dport': 'dst,dst',
  'ip daddr meta l4proto': 'dst',
  'ip6 daddr meta l4proto': 'dst',
};

function portsOf(set: NftSet): readonly PortRange[] {
  return set.elements.map(({ key }) => numbers(key[0]));
}

/** multiport takes 15 ports, a range for two (net/netfilter/xt_multiport.c). */
function chunks(ports: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const lists: PortRange[][] = [];
  let room = 0;
  for (const one of ports) {
    const size = one.low === one.high ? 1 : 2;
    if (room < size) {
      lists.push([]);
      room = 15;
    }
    lists.at(-1)?.push(one);
    room -= size;
  }
  return lists;
}

/** The fewest prefixes that cover the ranges exactly, range by range. @throws TypeError for a part that is a name */
export function prefixes(parts: readonly KeyPart[], family: Family): readonly Prefix[] {
  return parts.flatMap((part) => {
    if ('name' in part) throw new TypeError('a name where an address should be');
    return intervalPrefixes(family, part);
  });
}

/** How to ask for a protocol; none where no packet of the family has it. */
function protocolMatches(protocol: number, family: Family): readonly Match[] {
  if (protocol !== 0) return [{ kind: 'protocol', protocol }];
  return family === 4 ? [{ kind: 'protocol-zero' }] : [];
}

/** iptables' own limit (iptables-extensions(8), time). */
export const lastSecond = Date.UTC(2038, 0, 19, 4, 17, 7) / 1000;

/** What is to end later ends then: a date in a compose file must not keep everybody's rules from being held. */
function representable(seconds: number): number {
  return Math.min(seconds, lastSecond + 1);
}
