import type { GroupId } from './ruleset.ts';

const longest = 100;
const clean = /^[A-Za-z0-9_.-]+$/;

/**
 * A name made of parts, as one text that no other parts share. Where the parts already are what an id may be made of
 * (`[A-Za-z0-9_.-]`, together at most 100 characters), it is the id: `service/app/db`. Else it is JSON, which no id is.
 */
export function nameKey(parts: readonly string[]): string {
  const joined = parts.join('/');
  return joined.length <= longest && parts.every((part) => clean.test(part)) ? joined : JSON.stringify(parts);
}

/**
 * Ids for the keys of {@link nameKey}: allowed characters only, at most 100, never the same for two keys. What is not
 * allowed becomes `_`; where that makes two alike, the later one in sorted order gets an ordinal.
 */
export function allocateIds(keys: Iterable<string>): ReadonlyMap<string, GroupId> {
  const ids = new Map<string, GroupId>();
  const unclean: string[] = [];
  for (const key of new Set(keys)) {
    if (key.startsWith('[')) unclean.push(key);
    else ids.set(key, key);
  }
  const used = new Set(ids.values());
  for (const key of unclean.toSorted()) {
    const parts = JSON.parse(key) as string[];
    const base = parts
      .map((part) => part.replaceAll(/[^A-Za-z0-9_.-]/g, '_') || '_')
      .join('/')
      .slice(0, longest - 8);
    let id = base;
    for (let ordinal = 2; used.has(id); ordinal++) id = `${base}-${ordinal}`;
    used.add(id);
    ids.set(key, id);
  }
  return ids;
}
