import { type Family, families, formatAddress, parseAddress } from '../ip/address.ts';
import { atOnce, batchesOf } from './batches.ts';
import type { IpSet, XState } from './model.ts';
import { generationOf } from './names.ts';
import { printElement, printRule } from './print.ts';
import { printEbRule } from './print-bridge.ts';
import type { Saved } from './save.ts';

/** What stands in the kernel, as the save commands print it. */
export interface Standing {
  readonly inet: Readonly<Record<Family, Saved>>;
  readonly bridge: Saved;
  /** Elements by set, without generations. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What of a state does not stand as it should, in words; nothing when all of it does.
 *
 * @param more whether elements more are as it should be: containers that came since
 */
export function differences(state: XState, standing: Standing, more = true): readonly string[] {
  return [...compared(state, standing, more)].flat();
}

/** The same, one chain or set after the other. */
export function* compared(state: XState, standing: Standing, more: boolean): Generator<readonly string[]> {
  const same = (name: string) => name;
  for (const family of families)
    for (const table of state.tables[family])
      yield* comparedTable(
        family === 4 ? 'iptables' : 'ip6tables',
        standing.inet[family],
        table,
        table.chains.map(({ name, rules }) => ({
          name,
          lines: () => rules.map((rule) => printRule(name, rule, family, same)),
        })),
      );
  for (const table of state.bridge)
    yield* comparedTable(
      'ebtables',
      standing.bridge,
      table,
      table.chains.map(({ name, rules }) => ({ name, lines: () => rules.map((rule) => printEbRule(name, rule)) })),
    );
  for (const set of state.sets) yield setDifferences(set, standing.sets.get(set.name), more);
}

interface Wanted {
  readonly name: string;
  readonly jumps: readonly { readonly hook: string; readonly chain: string }[];
}

function* comparedTable(
  what: string,
  saved: Saved,
  { name, jumps }: Wanted,
  chains: readonly { readonly name: string; readonly lines: () => readonly string[] }[],
): Generator<readonly string[]> {
  const there = saved.get(name);
  if (there === undefined) {
    yield [`${what} has no table ${name}`];
    return;
  }
  yield jumps.flatMap(({ hook, chain }) =>
    there.rules.get(hook)?.[0] === `-j ${chain}`
      ? []
      : [`${what} ${name}: ${hook} does not begin with the jump to ${chain}`],
  );
  for (const chain of chains) {
    const found = there.rules.get(chain.name)?.map(canonicalRule);
    const wanted = chain.lines().map((rule) => canonicalRule(rule.replace(/^-A \S+ ?/, '')));
    if (found === undefined) yield [`${what} ${name} has no chain ${chain.name}`];
    else if (!isSameList(wanted, found)) {
      const at = wanted.findIndex((rule, index) => rule !== found[index]);
      yield [
        `${what} ${name}: ${chain.name} is not as it was made (rule ${at + 1}: ${found[at] ?? 'none'}; not: ${wanted[at] ?? 'none'})`,
      ];
    }
  }
}

/** Where all of them drop, their order means nothing: they come and go one by one. */
function isSameList(wanted: readonly string[], found: readonly string[]): boolean {
  if (found.length !== wanted.length) return false;
  if (!wanted.every((rule) => rule.includes('-j DROP'))) return found.every((rule, at) => rule === wanted[at]);
  const there = new Set(found);
  return wanted.every((rule) => there.has(rule)) && there.size === new Set(wanted).size;
}

function setDifferences(set: IpSet, there: ReadonlySet<string> | undefined, more: boolean): readonly string[] {
  if (there === undefined) return [`ipset has no ${set.name}`];
  const wanted = new Set(set.elements.map((element) => canonicalElement(printElement(set, element, (name) => name))));
  const [missing] = wanted.difference(there);
  if (missing !== undefined) return [`ipset ${set.name} is without ${missing}`];
  if (more || there.size === wanted.size) return [];
  const [other] = there.difference(wanted);
  return [`ipset ${set.name} has ${other}, which nobody put there`];
}

/** Reads `ipset save`. Of two generations of a set the later one counts: the other is about to go. */
export const parseSets = (text: string): Standing['sets'] => atOnce(readingSets(text));

/** The same with pauses. */
export function* readingSets(text: string): Generator<void, Standing['sets']> {
  const sets = new Map<string, Set<string>>();
  const latest = new Map<string, number>();
  for (const lines of batchesOf(text)) {
    for (const line of lines) {
      const [verb, name = '', ...rest] = line.split(' ');
      const own = generationOf(name);
      if (own === null) continue;
      const { base, generation } = own;
      const isLatest = generation >= (latest.get(base) ?? 0);
      if (!isLatest) continue;
      latest.set(base, generation);
      if (verb === 'create') sets.set(base, new Set());
      else sets.get(base)?.add(canonicalElement(rest.map((word) => generationOf(word)?.base ?? word).join(' ')));
    }
    yield;
  }
  return sets;
}

/** One way of writing the address that a text begins with: ipset and xtables write some of IPv6 with dots (inet_ntop). */
export function canonicalElement(text: string): string {
  return text.replace(/^[0-9a-f:.]+(?=[,/ ]|$)/, (found) => {
    const address = parseAddress(found);
    return address === undefined ? found : formatAddress(address);
  });
}

/**
 * A rule without its order and without the words that only name a module; sets without their generation, addresses
 * without the length that says nothing.
 */
export function canonicalRule(text: string): string {
  const words = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
  const options: string[][] = [];
  let not = false;
  for (const word of words) {
    if (word === '!') {
      not = true;
      // ebtables before 1.8.12 says it behind the option
      const last = options.at(-1);
      if (last?.length === 1) {
        last.unshift('!');
        not = false;
      }
      continue;
    }
    if (/^--?[A-Za-z]/.test(word)) {
      options.push(not ? ['!', word] : [word]);
      not = false;
    } else options.at(-1)?.push(canonicalWord(word));
  }
  return options
    .filter(([option]) => option !== '-m')
    .map((option) => option.join(' '))
    .toSorted()
    .join(' ');
}

function canonicalWord(word: string): string {
  const set = generationOf(word)?.base;
  if (set !== undefined) return set;
  const number = numbersOf[word];
  if (number !== undefined) return number;
  if (word.endsWith('/0:255')) return word.slice(0, -'/0:255'.length); // every code of an ICMPv6 type
  if (word.includes('.') && word.includes(':')) return canonicalElement(word).replace(/\/128$/, '');
  return /^[0-9a-f:.]+\/(32|128)$/.test(word)
    ? word.slice(0, word.lastIndexOf('/'))
    : word.replace(/^0x0+(?=[0-9a-f])/, '0x');
}

/**
 * What /etc/protocols of Debian calls the protocols that a policy may name by number, and ebtables, which has more words
 * from version to version, the ICMPv6 types; and what /etc/ethertypes calls a tag.
 */
const numbersOf: Readonly<Record<string, string>> = {
  'mld-listener-query': '130',
  'mld-listener-report': '131',
  'mld-listener-done': '132',
  'mld-listener-reduction': '132',
  'router-solicitation': '133',
  'router-advertisement': '134',
  'neighbour-solicitation': '135',
  'neighbour-advertisement': '136',
  redirect: '137',
  'S-TAG': '0x88a8',
  igmp: '2',
  ipencap: '4',
  'ipv6-icmp': '58',
  icmpv6: '58',
  gre: '47',
  esp: '50',
  ah: '51',
  ipv6: '41',
  ospf: '89',
  pim: '103',
  vrrp: '112',
  l2tp: '115',
  sctp: '132',
  dccp: '33',
  udplite: '136',
  tcp: '6',
  udp: '17',
  icmp: '1',
  ipip: '94',
  etherip: '97',
  egp: '8',
  igp: '9',
  rsvp: '46',
  eigrp: '88',
};
