import { type Family, formatAddress, parseAddress } from '../ip/address.ts';
import { families } from './families.ts';
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
 * What of a state does not stand as it should, in words; nothing when all of it does. An element more is a container that
 * came since.
 */
export function differences(state: XState, standing: Standing): readonly string[] {
  const same = (name: string) => name;
  const rules = (
    what: string,
    saved: Saved,
    tables: readonly {
      readonly name: string;
      readonly jumps: readonly { readonly hook: string; readonly chain: string }[];
      readonly chains: readonly { readonly name: string; readonly rules: readonly string[] }[];
    }[],
  ): readonly string[] =>
    tables.flatMap(({ name, jumps, chains }) => {
      const there = saved.get(name);
      if (there === undefined) return [`${what} has no table ${name}`];
      return [
        ...jumps.flatMap(({ hook, chain }) => {
          const found = there.rules.get(hook) ?? [];
          if (found[0] === `-j ${chain}`) return [];
          return [`${what} ${name}: ${hook} does not begin with the jump to ${chain}`];
        }),
        ...chains.flatMap((chain) => {
          const wanted = chain.rules.map((rule) => canonicalRule(rule.replace(/^-A \S+ ?/, '')));
          const found = there.rules.get(chain.name)?.map(canonicalRule);
          if (found === undefined) return [`${what} ${name} has no chain ${chain.name}`];
          if (found.length === wanted.length && found.every((rule, at) => rule === wanted[at])) return [];
          const at = wanted.findIndex((rule, index) => rule !== found[index]);
          return [
            `${what} ${name}: ${chain.name} is not as it was made (rule ${at + 1}: ${found[at] ?? 'none'}; not: ${wanted[at] ?? 'none'})`,
          ];
        }),
      ];
    });
  return [
    ...families.flatMap((family) =>
      rules(
        family === 4 ? 'iptables' : 'ip6tables',
        standing.inet[family],
        state.tables[family].map((table) => ({
          ...table,
          chains: table.chains.map(({ name, rules: list }) => ({
            name,
            rules: list.map((rule) => printRule(name, rule, family, same)),
          })),
        })),
      ),
    ),
    ...rules(
      'ebtables',
      standing.bridge,
      state.bridge.map((table) => ({
        ...table,
        chains: table.chains.map(({ name, rules: list }) => ({
          name,
          rules: list.map((rule) => printEbRule(name, rule)),
        })),
      })),
    ),
    ...state.sets.flatMap((set) => setDifferences(set, standing.sets.get(set.name))),
  ];
}

function setDifferences(set: IpSet, there: ReadonlySet<string> | undefined): readonly string[] {
  if (there === undefined) return [`ipset has no ${set.name}`];
  const missing = set.elements
    .map((element) => canonicalElement(printElement(set, element, (name) => name)))
    .filter((element) => !there.has(element));
  return missing.length === 0 ? [] : [`ipset ${set.name} is without ${missing[0]}`];
}

/** Reads `ipset save`. */
export function parseSets(text: string): Standing['sets'] {
  const sets = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [verb, name = '', ...rest] = line.split(' ');
    const base = generationOf(name)?.base;
    if (base === undefined) continue;
    if (verb === 'create') sets.set(base, new Set());
    else sets.get(base)?.add(canonicalElement(rest.map((word) => generationOf(word)?.base ?? word).join(' ')));
  }
  return sets;
}

/** One way of writing an address, since ipset writes some of IPv6 with dots. */
function canonicalElement(text: string): string {
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
  return /^[0-9a-f:.]+\/(32|128)$/.test(word)
    ? word.slice(0, word.lastIndexOf('/'))
    : word.replace(/^0x0+(?=[0-9a-f])/, '0x');
}

/**
 * What /etc/protocols of Debian calls the protocols that a policy may name by number, and ebtables, which has more words
 * from version to version, the ICMPv6 types.
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
