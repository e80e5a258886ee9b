import { fieldTypes } from './fields.ts';
import {
  integer,
  isObject,
  type JsonObject,
  list,
  located,
  objectWith,
  onlyEntry,
  shown,
  text,
  unknown,
} from './listing.ts';
import type { BaseHook, Chain, Element, KeyType, NftSet, Rule, Table, TableFamily } from './model.ts';
import { readField, readRule, readVerdict } from './read-rule.ts';
import { type InterfaceIndices, protocolWords, readPart, type ValueReader } from './read-value.ts';

/**
 * What to ask nft for, so that {@link readTables} understands the answer: protocols as numbers (`-p`), since their names
 * come from the host's /etc/protocols. Times are in the time zone nft runs in: it must be UTC.
 */
export function listTable(family: TableFamily, name: string): readonly string[] {
  return ['-j', '-p', 'list', 'table', family, name];
}

/**
 * Reads what `nft -j list table` or `nft -j list ruleset` answers (libnftables-json(5); nft 1.0.6 to 1.1.7). Rules come
 * back as nft rewrites them: `meta l4proto 6 … th dport 80` is listed as `… tcp dport 80`, which is read as
 * `… meta l4proto 6 th dport 80`; see canonical.ts for comparing.
 *
 * @param listing the parsed JSON
 * @param interfaces the host's interfaces at the time of the listing
 * @throws ListingError for anything that Sluice does not write, saying in which rule, set or chain
 */
export function readTables(listing: unknown, interfaces: InterfaceIndices): readonly Table[] {
  const tables = new Map<string, Draft>();
  for (const item of list('nft answered something that is not its JSON', isObject(listing) && listing['nftables'])) {
    const [kind, inside] = onlyEntry('an object', item);
    if (kind === 'metainfo') continue;
    const object = isObject(inside) ? inside : unknown(kind, inside);
    if (kind === 'table') {
      const draft = readTable(object);
      tables.set(`${draft.family} ${draft.name}`, draft);
      continue;
    }
    const path = `${String(object['family'])} ${String(object['table'])}`;
    const draft = tables.get(path) ?? unknown('an object of a table that is not listed', path);
    located(`table ${shown(path)}`, () => addTo(draft, kind, object, interfaces));
  }
  return [...tables.values()].map(({ chains, ...table }) => ({ ...table, chains: [...chains.values()] }));
}

interface Draft {
  readonly family: TableFamily;
  readonly name: string;
  readonly counters: string[];
  readonly sets: NftSet[];
  readonly chains: Map<string, Omit<Chain, 'rules'> & { readonly rules: Rule[] }>;
}

function readTable(object: JsonObject): Draft {
  const { family, name } = objectWith('a table', object, ['family', 'name', 'handle']);
  if (family !== 'inet' && family !== 'bridge') return unknown('a table of a family that is not ours', object);
  return { family, name: text('a name', name), counters: [], sets: [], chains: new Map() };
}

const every = ['family', 'table', 'name', 'handle'];

function addTo(draft: Draft, kind: string, object: JsonObject, interfaces: InterfaceIndices): void {
  switch (kind) {
    case 'counter':
      draft.counters.push(text('a name', objectWith('a counter', object, [...every, 'packets', 'bytes'])['name']));
      return;
    case 'set':
    case 'map':
      draft.sets.push(located(`${kind} ${shown(object['name'])}`, () => readSet(kind, object, interfaces)));
      return;
    case 'chain': {
      const chain = located(`chain ${shown(object['name'])}`, () => readChain(object));
      draft.chains.set(chain.name, { ...chain, rules: [] });
      return;
    }
    case 'rule': {
      const { chain, expr } = objectWith('a rule', object, ['family', 'table', 'chain', 'handle', 'expr']);
      const rules = draft.chains.get(text('a chain', chain))?.rules ?? unknown('a rule of no chain', chain);
      rules.push(located(`rule ${rules.length + 1} of chain ${shown(chain)}`, () => readRule(expr, interfaces)));
      return;
    }
    default:
      unknown(`an object of kind ${shown(kind)}`, object);
  }
}

const hooks = ['prerouting', 'input', 'forward', 'output'] as const;

function readChain(object: JsonObject): Omit<Chain, 'rules'> {
  const { name, type, hook, prio, policy } = objectWith('a chain', object, [
    ...every,
    'type',
    'hook',
    'prio',
    'policy',
  ]);
  if (hook === undefined) return { name: text('a name', name) };
  if (type !== 'filter' || policy !== 'accept') return unknown('a base chain of another type or policy', object);
  const base: BaseHook = {
    hook: hooks.find((known) => known === hook) ?? unknown('a hook', hook),
    priority: integer('a priority', prio),
  };
  return { name: text('a name', name), hook: base };
}

function readSet(kind: 'set' | 'map', object: JsonObject, interfaces: InterfaceIndices): NftSet {
  const { name, type, flags, elem, map } = objectWith(`a ${kind}`, object, [...every, 'type', 'flags', 'elem', 'map']);
  if (map !== (kind === 'map' ? 'verdict' : undefined)) return unknown('what a map leads to', map);
  if (flags !== undefined && JSON.stringify(flags) !== '["interval"]') return unknown('flags', flags);
  const key = readKeyTypes(type);
  const readers = key.map(
    (part): ValueReader => ({ type: part, words: part === 'inet_proto' ? protocolWords : {}, interfaces }),
  );
  const elements = list('elements', elem ?? []).map((element): Element => {
    if (kind === 'set') return { key: readKey(element, readers) };
    const [from, to, ...more] = list('an element', element);
    if (more.length > 0) return unknown('an element', element);
    return { key: readKey(from, readers), verdict: readVerdict(to) };
  });
  const data = kind === 'map' ? 'verdict' : 'none';
  return { name: text('a name', name), key, interval: flags !== undefined, data, elements };
}

function readKey(key: unknown, readers: readonly ValueReader[]): Element['key'] {
  const isConcatenation = isObject(key) && 'concat' in key;
  const parts = isConcatenation ? list('a key', objectWith('a key', key, ['concat'])['concat']) : [key];
  if (parts.length !== readers.length) return unknown('a key of another length', key);
  return parts.map((part, index) => readPart(part, readers[index] as ValueReader));
}

const keyTypes: readonly KeyType[] = [
  'iface_index',
  'ifname',
  'ether_addr',
  'ipv4_addr',
  'ipv6_addr',
  'inet_proto',
  'inet_service',
];

/** `"ipv4_addr"`, a list of them, or since 1.1 the expressions a set was made for. */
function readKeyTypes(type: unknown): readonly KeyType[] {
  if (isObject(type)) return readTypeof(objectWith('a type', type, ['typeof'])['typeof']);
  const names = Array.isArray(type) ? type : [type];
  return names.map((name, index) => {
    // 1.0.6 does not say which raw payload it was; each of ours ends a key
    if (name === 'integer' && index === names.length - 1) return rawAfter(names[index - 1]);
    return keyTypes.find((known) => known === name) ?? unknown('a type', type);
  });
}

/** Which raw payload stands behind a part of that type. */
function rawAfter(before: unknown): KeyType {
  if (before === 'ipv4_addr') return 'quoted4';
  return before === 'ipv6_addr' ? 'quoted6' : 'nd_target';
}

function readTypeof(expression: unknown): readonly KeyType[] {
  const isConcatenation = isObject(expression) && 'concat' in expression;
  const parts = isConcatenation ? list('a type', objectWith('a type', expression, ['concat'])['concat']) : [expression];
  return parts.map((part) => {
    const type = fieldTypes[readField(part).field];
    return type === 'number' || type === 'seconds' ? unknown('a type', part) : type;
  });
}
