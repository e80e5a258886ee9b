import type { Stretch, Unread } from './lines.ts';
import { asList, familyNamed, isObject, type JsonObject, type NftItem, onlyEntry } from './nft-item.ts';

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
  for (const object of objects) {
    const [kind, inside] = onlyEntry(object) ?? [];
    if (kind === 'metainfo') continue;
    const item = kind === undefined || !isObject(inside) ? undefined : itemOf(kind, inside, from + 1);
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
  'flowtable',
  'tunnel',
]);

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
  if (kind === 'rule') {
    const { chain, handle, comment, expr } = object;
    if (typeof chain !== 'string' || !Array.isArray(expr)) return undefined;
    return {
      kind,
      ...owned,
      chain,
      handle: typeof handle === 'number' ? handle : null,
      comment: typeof comment === 'string' ? comment : null,
      expressions: expr,
      text: null,
    };
  }
  if (typeof name !== 'string') return undefined;
  if (kind === 'chain') {
    const { type, hook, prio, policy, dev } = object;
    return { kind, ...owned, name, type, hook, priority: prio, policy, device: asList(dev)[0] };
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
