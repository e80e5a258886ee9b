import type { Condition, FieldRef, NamedSet, SetEntry, SetRef, Tuple, Value } from '../model.ts';
import { fieldOf, type Known, type Stand } from './field.ts';
import type { Packet, Span } from './packet.ts';
import { contains, overlaps } from './surroundings.ts';

/** Whether something holds; `unknown` is never guessed away. */
export type Trilean = 'yes' | 'no' | 'unknown';

/** What conditions are looked at with. */
export interface Sight extends Stand {
  readonly setNamed: (name: string) => NamedSet | undefined;
}

const opposite = { yes: 'no', no: 'yes', unknown: 'unknown' } as const satisfies Record<Trilean, Trilean>;

/** Whether a condition holds for a packet; a field that the packet does not have makes it fail, negated or not. */
export function holds(condition: Condition, packet: Packet, sight: Sight): Trilean {
  switch (condition.kind) {
    case 'depends':
    case 'unknown':
      return 'unknown';
    case 'any-of': {
      const known = fieldOf(condition.field, packet, sight);
      if (known.kind === 'absent') return 'no';
      const found = anyOf(condition.words, known);
      return condition.not ? opposite[found] : found;
    }
    case 'among': {
      const key = keyOf(condition.fields, packet, sight);
      if (key === null) return 'no';
      const found = isAmong(key, condition.values, sight);
      return condition.not ? opposite[found] : found;
    }
  }
}

/** A field's value with the bits that a rule leaves out of it. */
export interface Part {
  readonly known: Known;
  readonly mask: bigint | undefined;
}

/** null when the packet lacks one of the fields. */
export function keyOf(fields: readonly FieldRef[], packet: Packet, sight: Sight): readonly Part[] | null {
  const key: Part[] = [];
  for (const field of fields) {
    const known = fieldOf(field, packet, sight);
    if (known.kind === 'absent') return null;
    key.push({ known, mask: field.mask });
  }
  return key;
}

function anyOf(words: readonly string[], known: Known): Trilean {
  if (known.kind !== 'words') return 'unknown';
  if (words.some((word) => known.has.includes(word))) return 'yes';
  return words.some((word) => known.may.includes(word)) ? 'unknown' : 'no';
}

function isAmong(key: readonly Part[], values: SetRef | readonly Tuple[], sight: Sight): Trilean {
  if ('set' in values) return isInSet(key, sight.setNamed(values.set));
  let result: Trilean = 'no';
  for (const tuple of values) {
    const one = tupleHolds(tuple, key);
    if (one === 'yes') return 'yes';
    if (one === 'unknown') result = 'unknown';
  }
  return result;
}

/** Entries that may have a key, in the order in which ipset looks for it: from the longest prefix to the shortest. */
export function mostExactFirst({ entries }: NamedSet, key: readonly Part[]): readonly SetEntry[] {
  return entries
    .filter((entry) => tupleHolds(entry.key, key) !== 'no')
    .toSorted((a, b) => {
      const [one, other] = [widthOf(a.key), widthOf(b.key)];
      return one < other ? -1 : one > other ? 1 : 0;
    });
}

/**
 * Whether a set has a key. The most exact entry decides, as ipset's hash types look from the longest prefix to the
 * shortest and stop at a `nomatch` (net/netfilter/ipset/ip_set_hash_gen.h, mtype_test_cidrs).
 */
export function isInSet(key: readonly Part[], set: NamedSet | undefined): Trilean {
  if (set === undefined || set.uncertain || set.fields.includes('other')) return 'unknown';
  let best: { readonly width: bigint; readonly except: boolean } | null = null;
  let result: Trilean = 'no';
  for (const entry of set.entries) {
    const one = tupleHolds(entry.key, key);
    if (one === 'no') continue;
    if (one === 'unknown') {
      result = 'unknown';
      continue;
    }
    const width = widthOf(entry.key);
    if (best === null || width < best.width) best = { width, except: entry.except };
  }
  if (result === 'unknown') return best !== null && !set.entries.some(({ except }) => except) ? 'yes' : 'unknown';
  return best === null || best.except ? 'no' : 'yes';
}

function widthOf(key: Tuple): bigint {
  return key.reduce((sum, value) => (value.kind === 'range' ? sum + value.high - value.low : sum), 0n);
}

/** Whether every part of a key is what a tuple says. */
export function tupleHolds(tuple: Tuple, key: readonly Part[]): Trilean {
  if (tuple.length !== key.length) return 'unknown';
  let result: Trilean = 'yes';
  for (let index = 0; index < key.length; index++) {
    const one = valueHolds(tuple[index] as Value, key[index] as Part);
    if (one === 'no') return 'no';
    if (one === 'unknown') result = 'unknown';
  }
  return result;
}

function valueHolds(value: Value, { known, mask }: Part): Trilean {
  switch (known.kind) {
    case 'absent':
      return 'no';
    case 'unknown':
      return 'unknown';
    case 'unicast-mac':
      return value.kind === 'range' ? unicastHolds(value, mask) : 'unknown';
    case 'words':
      return value.kind === 'word' ? anyOf([value.word], known) : 'unknown';
    case 'number':
      return value.kind === 'range' ? rangeHolds(value, known.span, mask) : 'unknown';
    case 'name':
      return nameHolds(value, known.of);
  }
}

/** Of MACs that are no group's: whether they are in a range. */
function unicastHolds({ low, high }: Span, mask: bigint | undefined): Trilean {
  const group = 1n << 40n;
  if (mask !== undefined && (mask & group) === 0n) return 'unknown';
  const isOfGroups = low >> 40n === high >> 40n && (low & group) !== 0n;
  if (isOfGroups) return 'no';
  return mask === group && low === 0n ? 'yes' : 'unknown';
}

function rangeHolds(range: Span, span: Span, mask: bigint | undefined): Trilean {
  const seen = mask === undefined ? span : masked(span, mask);
  if (seen === null) return 'unknown';
  if (contains(range, seen)) return 'yes';
  return overlaps(range, seen) ? 'unknown' : 'no';
}

/** What a mask leaves of a span; null where that is no span. Masks of leading bits keep the order. */
function masked({ low, high }: Span, mask: bigint): Span | null {
  const [from, to] = [low & mask, high & mask];
  if (low === high || from === to)
    return (low ^ high) <= lowBits(mask) || low === high ? { low: from, high: to } : null;
  return isLeading(mask) ? { low: from, high: to } : null;
}

/** The bits below a mask's lowest one. */
function lowBits(mask: bigint): bigint {
  return mask === 0n ? 0n : (mask & -mask) - 1n;
}

function isLeading(mask: bigint): boolean {
  const filled = mask | lowBits(mask);
  return filled === 0xffff_ffffn || filled === (1n << 128n) - 1n;
}

function nameHolds(value: Value, of: Interface): Trilean {
  if (value.kind === 'range') return 'unknown';
  if (of.kind === 'name')
    return (value.kind === 'word' ? value.word === of.name : of.name.startsWith(value.prefix)) ? 'yes' : 'no';
  if (value.kind === 'prefix') return value.prefix === '' ? 'yes' : 'unknown';
  return value.word === '' || of.names.includes(value.word) ? 'no' : 'unknown';
}

type Interface = Extract<Known, { kind: 'name' }>['of'];
