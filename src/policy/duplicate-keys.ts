import { isMap, isScalar, isSeq, type ParsedNode } from 'yaml';

/**
 * Where keys stand that their map has had before, as UTF-16 offsets in no order. The library finds them, too, but compares each
 * key with all those before it (yaml 2.9, compose/util-map-includes.js): a file of 200,000 keys would keep it for minutes.
 */
export function duplicateKeys(root: ParsedNode | null): readonly number[] {
  const places: number[] = [];
  const left: unknown[] = [root];
  while (left.length > 0) {
    const node = left.pop();
    if (isSeq(node)) for (const item of node.items) left.push(item);
    if (!isMap(node)) continue;
    const before = new Set<unknown>();
    for (const { key, value } of node.items) {
      left.push(key, value);
      if (!isScalar(key)) continue;
      if (before.has(key.value)) places.push(key.range?.[0] ?? 0);
      before.add(key.value);
    }
  }
  return places;
}
