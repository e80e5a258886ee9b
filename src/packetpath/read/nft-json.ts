import type { TableFamily } from '../model.ts';
import { jsonObjects } from './json-objects.ts';
import type { Stretch, Unread } from './lines.ts';
import { asList, familyNamed, isObject, type JsonObject, type NftItem, onlyEntry } from './nft-item.ts';
import { NftMeanings } from './nft-rule.ts';
import { isPlaced } from './nft-table.ts';

/** Reads what `nft -j list ruleset` prints. A text that is not JSON to its end is unread line by line. */
export function readNftJson({ lines, from, to }: Stretch, unread: Unread): readonly NftItem[] {
  const text = lines.slice(from, to).join('\n');
  let reader = new JsonReader(from + 1);
  try {
    if (!jsonObjects(text, (object) => reader.take(object))) {
      reader = new JsonReader(from + 1);
      const listing: unknown = JSON.parse(text);
      const objects = isObject(listing) && Array.isArray(listing['nftables']) ? listing['nftables'] : [listing];
      for (const object of objects) reader.take(object);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    for (let index = from; index < to; index++)
      if ((lines[index] ?? '').trim() !== '') unread.add(lines, index, 'JSON that breaks off or is none');
    unread.gaps = true;
    return [];
  }
  for (const object of reader.strange)
    unread.lines.push({ line: from + 1, text: object, why: 'an object of no known kind' });
  return reader.items;
}

/** Goes through the objects of a listing. */
class JsonReader {
  readonly items: NftItem[] = [];
  /** Objects of no known kind. */
  readonly strange: string[] = [];
  readonly #line: number;
  readonly #meanings = meaningsOfJson();

  constructor(line: number) {
    this.#line = line;
  }

  take(object: unknown): void {
    const [kind, inside] = onlyEntry(object) ?? [];
    if (kind === 'metainfo') return;
    const item =
      kind === undefined || !isObject(inside)
        ? undefined
        : kind === 'rule'
          ? ruleOf(inside, this.#line, this.#meanings)
          : itemOf(kind, inside, this.#line);
    if (item !== undefined) this.items.push(item);
    else if (!quiet.has(kind ?? '')) this.strange.push(JSON.stringify(object) ?? '');
  }
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

function ruleOf(
  { family: named, table, chain, handle, comment, expr }: JsonObject,
  line: number,
  meanings: Meanings,
): NftItem | undefined {
  const family = familyNamed(named);
  if (family === undefined || typeof table !== 'string' || typeof chain !== 'string' || !Array.isArray(expr))
    return undefined;
  const { text, counted, steps, feeds } = meanings[family].ofJson(expr);
  return {
    kind: 'rule',
    family,
    table,
    line,
    chain,
    handle: typeof handle === 'number' ? handle : null,
    comment: typeof comment === 'string' ? comment : null,
    text,
    counted,
    steps,
    feeds,
  };
}

function itemOf(kind: string, object: JsonObject, line: number): NftItem | undefined {
  const family = familyNamed(object['family']);
  const { name, table } = object;
  if (family === undefined) return undefined;
  if (kind === 'table')
    return typeof name === 'string'
      ? { kind, family, name, dormant: asList(object['flags']).includes('dormant'), line }
      : undefined;
  if (typeof table !== 'string') return undefined;
  const owned = { family, table, line };
  if (typeof name !== 'string') return undefined;
  if (kind === 'chain') {
    const { type, hook, prio, policy, dev } = object;
    const chain = { name, type, hook, priority: prio, policy, device: asList(dev)[0] };
    return isPlaced(chain, family) ? { kind, ...owned, ...chain } : undefined;
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
