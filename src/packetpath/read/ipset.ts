import type { Family } from '../../ip/address.ts';
import { parseAddress } from '../../ip/address.ts';
import type { Field, Marking, NamedSet, SetEntry, Tuple, Value } from '../model.ts';
import type { IpsetKind, IpsetPart } from './ipset-kind.ts';
import type { Stretch, Unread } from './lines.ts';
import {
  interfaceValue,
  parseAddressRange,
  parseMac,
  parseNetwork,
  parseNumber,
  parsePorts,
  range,
  word,
} from './values.ts';
import { protocolNumber } from './words.ts';
import { partFields } from './xt-set.ts';

/** An ipset as it is listed. */
export interface Ipset {
  readonly name: string;
  readonly kind: IpsetKind;
  readonly entries: SetEntry[];
  uncertain: boolean;
  /** Of a list:set: the sets it is made of; null of other sets. */
  readonly members: IpsetMember[] | null;
}

interface IpsetMember {
  readonly name: string;
  /** Index of the line that names it. */
  readonly at: number;
}

const parts: readonly IpsetPart[] = ['ip', 'net', 'port', 'mac', 'iface', 'mark'];

/** Reads what `ipset save` and `ipset list` print (ipset(8)) into `sets`, by their names. */
export function readIpsets({ lines, from, to }: Stretch, unread: Unread, sets: Map<string, Ipset>): void {
  let listed: { readonly name: string; set: Ipset | null } | null = null;
  let type = '';
  for (let index = from; index < to; index++) {
    const line = (lines[index] ?? '').trim();
    const words = line.split(/[ \t]+/);
    const [first = '', name = ''] = words;
    let problem: string | null = null;
    if (line === '' || line.startsWith('#')) listed = line === '' ? null : listed;
    else if (first === 'create' && words.length > 2) problem = declare(sets, name, words[2] ?? '', words.slice(3));
    else if (first === 'add' && words.length > 2) problem = add(sets.get(name), words.slice(2), index);
    else if (first === 'Name:') [listed, type] = [{ name, set: null }, ''];
    else if (listed === null) problem = 'not a line of ipset';
    else if (first === 'Type:') type = name;
    else if (first === 'Header:' && !type.includes(':')) problem = 'a set of no type';
    else if (first === 'Header:') {
      problem = declare(sets, listed.name, type, words.slice(1));
      listed.set = sets.get(listed.name) ?? null;
    } else if (!/^(Revision|Size in memory|References|Number of entries|Members):/.test(line))
      problem = add(listed.set ?? undefined, words, index);
    if (problem !== null) unread.add(lines, index, problem);
  }
}

/** A set that is there already stays, and what it holds is not certain: which of the two stands, nothing says. */
function declare(sets: Map<string, Ipset>, name: string, type: string, options: readonly string[]): string | null {
  const before = sets.get(name);
  if (before !== undefined) {
    before.uncertain = true;
    return `the set ${name} is listed a second time`;
  }
  const [method = '', parted = ''] = type.split(':', 2);
  const made = parted.split(',');
  const known = /^(bitmap|hash|list)$/.test(method) && made.every((part) => parts.includes(part as IpsetPart));
  const kind: IpsetKind = { parts: known ? (made as readonly IpsetPart[]) : null, family: familyOf(made, options) };
  const members = type === 'list:set' ? [] : null;
  const uncertain = (!known && members === null) || options.includes('timeout');
  sets.set(name, { name, kind, entries: [], uncertain, members });
  return null;
}

function familyOf(made: readonly string[], options: readonly string[]): Family | null {
  if (!made.includes('ip') && !made.includes('net')) return null;
  return options[options.indexOf('family') + 1] === 'inet6' && options.includes('family') ? 6 : 4;
}

/** What may stand behind an element with a number or a name of its own (ipset(8), "generic create and add options"). */
const extras: ReadonlyMap<string, RegExp> = new Map([
  ['timeout', /^[0-9]+$/],
  ['packets', /^[0-9]+$/],
  ['bytes', /^[0-9]+$/],
  ['skbmark', /^0x[0-9a-f]+(\/0x[0-9a-f]+)?$/i],
  ['skbprio', /^[0-9a-f]+:[0-9a-f]+$/i],
  ['skbqueue', /^[0-9]+$/],
  ['before', /./],
  ['after', /./],
]);

/** Whether the words behind an element are what ipset writes there; a comment is in quotes, and has the rest of the line. */
function areExtras(words: readonly string[]): boolean {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === 'nomatch' || word === 'wildcard') continue;
    if (word === 'comment') return /^".*"/.test(words.slice(at + 1).join(' '));
    if (extras.get(word)?.test(words[++at] ?? '') !== true) return false;
  }
  return true;
}

/** One element; what cannot be read of it makes the set uncertain. */
function add(set: Ipset | undefined, words: readonly string[], at: number): string | null {
  if (set === undefined) return 'an element of a set that is not listed';
  const [element = '', ...more] = words;
  if (words.includes('timeout')) set.uncertain = true;
  if (!areExtras(more)) {
    set.uncertain = true;
    return 'an element that is not understood';
  }
  if (set.members !== null) {
    set.members.push({ name: element, at });
    return null;
  }
  const isBeginning = words.includes('wildcard') && set.kind.parts?.at(-1) === 'iface'; // hash:net,iface
  const key = readKey(isBeginning ? `${element}+` : element, set.kind);
  if (key === undefined) {
    set.uncertain = true;
    return 'an element that is not understood';
  }
  const except = words.includes('nomatch');
  const marked = words.indexOf('skbmark');
  const mark = marked < 0 ? null : readMarking(words[marked + 1] ?? '');
  if (mark === undefined) {
    set.uncertain = true;
    return 'an element that is not understood';
  }
  set.entries.push({ key, verdict: null, except, ...(mark === null ? {} : { mark }) });
  return null;
}

const allBits = 0xffff_ffffn;

/** `0x20000/0xfff0000`; without a mask it is all of the mark (ipset(8), skbinfo). */
function readMarking(text: string): Marking | undefined {
  const [value, mask = allBits, ...more] = text.split('/').map(parseNumber);
  const isMark = value !== undefined && value <= allBits && mask <= allBits && more.length === 0;
  return isMark ? { value, mask } : undefined;
}

function readKey(element: string, { parts: made, family }: IpsetKind): Tuple | undefined {
  const texts = element.split(',');
  if (made === null || texts.length !== made.length) return undefined;
  const values = made.map((part, index) => readPart(part, texts[index] ?? '', family));
  return values.every((value): value is readonly Value[] => value !== undefined) ? values.flat() : undefined;
}

function readPart(part: IpsetPart, text: string, family: Family | null): readonly Value[] | undefined {
  switch (part) {
    case 'ip':
    case 'net': {
      if (text.includes('-')) return one(parseAddressRange(text, family ?? 4));
      const address = parseAddress(text.split('/')[0] ?? '');
      const network = address === undefined ? undefined : parseNetwork(text, address.family);
      return network?.mask === undefined ? network?.values : undefined;
    }
    case 'port':
      return readPort(text);
    case 'mac': {
      const mac = parseMac(text);
      return one(mac === undefined ? undefined : range(mac));
    }
    case 'iface': // physdev: asks the bridge port instead, which is another field
      return text === '' || text.startsWith('physdev:')
        ? undefined
        : one(text.endsWith('+') ? interfaceValue(text, '+') : word(text));
    case 'mark': {
      const mark = parseNumber(text);
      return one(mark === undefined ? undefined : range(mark));
    }
  }
}

const one = (value: Value | undefined): readonly Value[] | undefined => (value === undefined ? undefined : [value]);

const everyProtocol = range(0, 255);

/** `tcp:80`, `udp:5-6`, `80` of a bitmap, which asks no protocol; of ICMP and protocols without ports it is something else. */
function readPort(text: string): readonly Value[] | undefined {
  const colon = text.indexOf(':');
  const protocol = colon < 0 ? undefined : protocolNumber(text.slice(0, colon));
  const ports = parsePorts(text.slice(colon + 1), '-');
  if (ports === undefined || (colon >= 0 && (protocol === undefined || ![6, 17, 132, 136].includes(protocol))))
    return undefined;
  return [protocol === undefined ? everyProtocol : range(protocol), range(ports.low, ports.high)];
}

/**
 * The ipsets as sets of the model; those that rules add to, by `fed`, hold nobody knows what.
 *
 * @param missing is told the index of each line that names a member that is no set of the listing
 */
export function finishIpsets(
  all: ReadonlyMap<string, Ipset>,
  fed: ReadonlySet<string>,
  missing: (index: number) => void,
): { readonly kinds: ReadonlyMap<string, IpsetKind>; readonly sets: readonly NamedSet[] } {
  const ipsets = [...all.values()];
  for (const { members } of ipsets) for (const { name, at } of members ?? []) if (!all.has(name)) missing(at);
  const resolved = ipsets.map((set) => (set.members === null ? set : joined(set, set.members, all)));
  const kinds = new Map(resolved.map(({ name, kind }) => [name, kind]));
  const sets = resolved.map(({ name, kind, entries, uncertain }): NamedSet => {
    const fields: readonly Field[] =
      kind.parts === null ? ['other'] : kind.parts.flatMap((part) => partFields(part, true));
    return { name, fields, entries, uncertain: uncertain || fed.has(name) };
  });
  return { kinds, sets };
}

/** A list of sets that are made alike, as one; a list of others stays unknown. */
function joined(list: Ipset, names: readonly IpsetMember[], all: ReadonlyMap<string, Ipset>): Ipset {
  const members = names.map(({ name }) => all.get(name));
  const [first] = members;
  const alike = (set: Ipset | undefined): set is Ipset =>
    set !== undefined &&
    set.kind.parts !== null &&
    set.kind.parts.join() === first?.kind.parts?.join() &&
    set.kind.family === first.kind.family;
  // an exception of one set is none of another's, and of marks the first set's counts
  if (
    first === undefined ||
    !members.every(alike) ||
    members.some(({ entries }) => entries.some(({ except, mark }) => except || mark !== undefined))
  )
    return { ...list, uncertain: true };
  return {
    ...list,
    kind: first.kind,
    entries: members.flatMap(({ entries }) => entries),
    uncertain: list.uncertain || members.some(({ uncertain }) => uncertain),
  };
}
