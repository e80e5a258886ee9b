import type { NamePattern } from '../policy/model.ts';
import { matches } from '../policy/pattern.ts';

/** A character that no name contains (a Unicode noncharacter), so that only a `*` matches it. */
const unwritten = '\u{10ffff}';

/** A name that matches a pattern, and of other patterns only those that match whatever it does. */
export function witnessOf(pattern: NamePattern): string {
  return pattern.wild ? pattern.text.replaceAll('*', unwritten) : pattern.text;
}

/** A name that nothing in a policy spells: only `*` matches it. */
export const unnamed = unwritten;

/** Names such that every combination of patterns that some one name can match, two at a time, is matched by one of them. */
export function witnesses(patterns: readonly NamePattern[]): readonly string[] {
  const wild = patterns.filter((pattern) => pattern.wild);
  const met = wild.flatMap((a, i) => wild.slice(i + 1).map((b) => meeting(a, b)));
  const names = [...patterns.map(witnessOf), unnamed, ...met.filter((name) => name !== undefined)];
  return [...new Set(names)].toSorted();
}

/** A name that two patterns with stars both match: the longer beginning, every middle piece, the longer end. */
function meeting(a: NamePattern, b: NamePattern): string | undefined {
  const [left, right] = [a.text.split('*'), b.text.split('*')];
  const longer = (one = '', other = '') => (one.length > other.length ? one : other);
  const name = [
    longer(left[0], right[0]),
    ...left.slice(1, -1),
    ...right.slice(1, -1),
    longer(left.at(-1), right.at(-1)),
  ].join(unwritten);
  return matches(a, name) && matches(b, name) ? name : undefined;
}

/** A witness for people: what could be anything is a `*` again. */
export function readable(name: string): string {
  return name.replaceAll(unwritten, '*');
}
