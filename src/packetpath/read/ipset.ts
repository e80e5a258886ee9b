import type { Family } from '../../ip/address.ts';
import { parseAddress } from '../../ip/address.ts';
import type { Field, NamedSet, SetEntry, Tuple, Value } from '../model.ts';
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
  readonly members: string[] | null;
}

const parts: readonly IpsetPart[] = ['ip', 'net', 'port', 'mac', 'iface', 'mark'];

/** Reads what `ipset save` and `ipset list` print (ipset(8)). */
export function readIpsets({ lines, from, to }: Stretch, unread: Unread): readonly Ipset[] {
  const sets = new Map<string, Ipset>();
  let listed: { readonly name: string; set: Ipset | null } | null = null;
  let type = '';
  for (let index = from; index < to; index++) {
    const line = (lines[index] ?? '').trim();
    const words = line.split(/\s+/);
    const [first = '', name = ''] = words;
    let problem: string | null = null;
    if (line === '' || line.startsWith('#')) listed = line === '' ? null : listed;
    else if (first === 'create' && words.length > 2) declare(sets, name, words[2] ?? '', words.slice(3));
    else if (first === 'add' && words.length > 2) problem = add(sets.get(name), words.slice(2));
    else if (first === 'Name:') [listed, type] = [{ name, set: null }, ''];
    else if (listed === null) problem = 'not a line of ipset';
    else if (first === 'Type:') type = name;
    else if (first === 'Header:' && !type.includes(':')) problem = 'a set of no type';
    else if (first === 'Header:') listed.set = declare(sets, listed.name, type, words.slice(1));
    else if (!/^(Revision|Size in memory|References|Number of entries|Members):/.test(line))
      problem = add(listed.set ?? undefined, words);
    if (problem !== null) unread.add(lines, index, problem);
  }
  return [...sets.values()];
}

function declare(sets: Map<string, Ipset>, name: string, type: string, options: readonly string[]): Ipset {
  const made = type.slice(type.indexOf(':') + 1).split(',');
  const known = made.every((part): part is IpsetPart => parts.includes(part as IpsetPart));
  const kind: IpsetKind = { parts: known ? (made as readonly IpsetPart[]) : null, family: familyOf(made, options) };
  const members = type === 'list:set' ? [] : null;
  const set: Ipset = { name, kind, entries: [], uncertain: !known || options.includes('timeout'), members };
  sets.set(name, set);
  return set;
}

function familyOf(made: readonly string[], options: readonly string[]): Family | null {
  if (!made.includes('ip') && !made.includes('net')) return null;
  return options[options.indexOf('family') + 1] === 'inet6' && options.includes('family') ? 6 : 4;
}

/** What may stand behind an element (ipset(8), "generic create and add options"). */
const extras: ReadonlySet<string> = new Set(
  'timeout packets bytes comment skbmark skbprio skbqueue before after'.split(' '),
);

/** One element; what cannot be read of it makes the set uncertain. */
function add(set: Ipset | undefined, words: readonly string[]): string | null {
  if (set === undefined) return 'an element of a set that is not listed';
  const [element = ''] = words;
  if (words.includes('timeout')) set.uncertain = true;
  if (set.members !== null) {
    if (words.length > 1 && !extras.has(words[1] ?? '')) return 'an element that is not understood';
    set.members.push(element);
    return null;
  }
  const key = readKey(element, set.kind);
  if (key === undefined) {
    set.uncertain = true;
    return 'an element that is not understood';
  }
  set.entries.push({ key, verdict: null, except: words.includes('nomatch') });
  return null;
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
      return text.startsWith('physdev:') ? undefined : one(text.endsWith('+') ? interfaceValue(text, '+') : word(text));
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

/** The ipsets as sets of the model; those that rules add to, by `fed`, hold nobody knows what. */
export function finishIpsets(
  ipsets: readonly Ipset[],
  fed: ReadonlySet<string>,
): { readonly kinds: ReadonlyMap<string, IpsetKind>; readonly sets: readonly NamedSet[] } {
  const all = new Map(ipsets.map((set) => [set.name, set]));
  const resolved = ipsets.map((set) => (set.members === null || set.members.length === 0 ? set : joined(set, all)));
  const kinds = new Map(resolved.map(({ name, kind }) => [name, kind]));
  const sets = resolved.map(({ name, kind, entries, uncertain }): NamedSet => {
    const fields: readonly Field[] =
      kind.parts === null ? ['other'] : kind.parts.flatMap((part) => partFields(part, true));
    return { name, fields, entries, uncertain: uncertain || fed.has(name) };
  });
  return { kinds, sets };
}

/** A list of sets that are made alike, as one; a list of others stays unknown. */
function joined(list: Ipset, all: ReadonlyMap<string, Ipset>): Ipset {
  const members = (list.members ?? []).map((name) => all.get(name));
  const [first] = members;
  const alike = (set: Ipset | undefined): set is Ipset =>
    set !== undefined &&
    set.kind.parts !== null &&
    set.kind.parts.join() === first?.kind.parts?.join() &&
    set.kind.family === first.kind.family;
  // an exception of one set is none of another's
  if (
    first === undefined ||
    !members.every(alike) ||
    members.some(({ entries }) => entries.some(({ except }) => except))
  )
    return list;
  return {
    ...list,
    kind: first.kind,
    entries: members.flatMap(({ entries }) => entries),
    uncertain: members.some(({ uncertain }) => uncertain),
  };
}
