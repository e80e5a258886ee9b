import type { TableFamily } from '../model.ts';
import type { Stretch, Unread } from './lines.ts';
import { asList, asText, familyNamed, isObject, type JsonObject, type NftItem, onlyEntry } from './nft-item.ts';
import { type Meaning, NftMeanings } from './nft-rule.ts';

/** Reads what `nft -j list ruleset` prints. A text that is not JSON to its end is unread line by line. */
export function readNftJson({ lines, from, to }: Stretch, unread: Unread): readonly NftItem[] {
  let listing: unknown;
  try {
    listing = JSON.parse(lines.slice(from, to).join('\n'));
  } catch {
    for (let index = from; index < to; index++)
      if ((lines[index] ?? '').trim() !== '') unread.add(lines, index, 'JSON that breaks off or is none');
    return [];
  }
  const items: NftItem[] = [];
  const objects = isObject(listing) && Array.isArray(listing['nftables']) ? listing['nftables'] : [listing];
  const meanings = meaningsOfJson();
  for (const object of objects) {
    const [kind, inside] = onlyEntry(object) ?? [];
    if (kind === 'metainfo') continue;
    const item = kind === undefined || !isObject(inside) ? undefined : itemOf(kind, inside, from + 1, meanings);
    if (item !== undefined) items.push(item);
    else if (!quiet.has(kind ?? ''))
      unread.lines.push({ line: from + 1, text: JSON.stringify(object) ?? '', why: 'an object of no known kind' });
  }
  return items;
}

/** Objects that rules refer to by name and that decide nothing themselves. */
const quiet: ReadonlySet<string> = new Set([
  'counter',
  'quota',
  'limit',
  'ct helper',
  'ct timeout',
  'ct expectation',
  'secmark',
  'synproxy',
  'tunnel',
]);

type Meanings = Readonly<Record<TableFamily, NftMeanings>>;

function meaningsOfJson(): Meanings {
  const of = (family: TableFamily): NftMeanings => new NftMeanings(family, false);
  return {
    ip: of('ip'),
    ip6: of('ip6'),
    inet: of('inet'),
    bridge: of('bridge'),
    arp: of('arp'),
    netdev: of('netdev'),
  };
}

function meaningOf(statements: readonly unknown[], meanings: NftMeanings): Meaning & { readonly text: string } {
  const keys = statements.map((statement) => JSON.stringify(statement));
  const texts = statements.map((statement, index) => textOf(statement, keys[index] as string));
  const shown = texts.filter((_, index) => !isCounter(statements[index]));
  return { text: shown.join(' '), ...meanings.of(statements, texts, keys) };
}

const isCounter = (statement: unknown): boolean => isObject(statement) && 'counter' in statement;

/** A statement for people: its JSON. */
function textOf(statement: unknown, json: string): string {
  if (typeof statement === 'string') return statement;
  if (!isObject(statement) || !isObject(statement['xt'])) return json;
  return `xt ${asText(statement['xt']['type'])} "${asText(statement['xt']['name'])}"`;
}

function itemOf(kind: string, object: JsonObject, line: number, meanings: Meanings): NftItem | undefined {
  const family = familyNamed(object['family']);
  const { name, table } = object;
  if (family === undefined) return undefined;
  if (kind === 'table')
    return typeof name === 'string'
      ? { kind, family, name, dormant: asList(object['flags']).includes('dormant'), line }
      : undefined;
  if (typeof table !== 'string') return undefined;
  const owned = { family, table, line };
  if (kind === 'rule') {
    const { chain, handle, comment, expr } = object;
    if (typeof chain !== 'string' || !Array.isArray(expr)) return undefined;
    return {
      kind,
      ...owned,
      chain,
      handle: typeof handle === 'number' ? handle : null,
      comment: typeof comment === 'string' ? comment : null,
      ...meaningOf(expr, meanings[family]),
    };
  }
  if (typeof name !== 'string') return undefined;
  if (kind === 'chain') {
    const { type, hook, prio, policy, dev } = object;
    return { kind, ...owned, name, type, hook, priority: prio, policy, device: asList(dev)[0] };
  }
  if (kind === 'flowtable') {
    const devices = asList(object['dev'] ?? []).filter((device) => typeof device === 'string');
    return { kind, ...owned, name, devices };
  }
  if (kind !== 'set' && kind !== 'map') return undefined;
  const { type, map = null, flags, timeout, elem } = object;
  const elements = elem === undefined ? [] : asList(elem);
  return {
    kind: 'set',
    ...owned,
    name,
    type,
    map,
    flags: flags === undefined ? [] : asList(flags),
    timeout: timeout !== undefined,
    elements,
  };
}
