import { type Address, formatAddress, parseAddress } from '../ip/address.ts';
import type { AddressSet } from '../ip/address-set.ts';
import type { Interval } from '../ip/interval.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';

/**
 * A ruleset as JSON text. Sets of addresses and places in files are written once and referred to, since a thousand
 * workloads share a few of them.
 */
export function encodeRuleset(ruleset: Ruleset): string {
  const sets = new Table<AddressSet>((set) => JSON.stringify(intervalsOf(set)));
  const sources = new Table<SourceRef>((source) => JSON.stringify(source));
  const body = JSON.stringify(ruleset, (_, value: unknown) => {
    if (isSet(value)) return { $set: sets.indexOf(value) };
    if (isSource(value)) return { $source: sources.indexOf(value) };
    return isAddress(value) ? { $address: formatAddress(value) } : value;
  });
  return `{"sets":[${sets.texts.join(',')}],"sources":[${sources.texts.join(',')}],"ruleset":${body}}`;
}

/**
 * Reads what {@link encodeRuleset} wrote.
 *
 * @throws Error for any other text
 */
export function decodeRuleset(text: string): Ruleset {
  const whole = JSON.parse(text) as { sets: EncodedSet[]; sources: SourceRef[]; ruleset: unknown };
  const sets = whole.sets.map(setOf);
  const restore = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(restore);
    const { $set, $source, $address } = value as Record<string, unknown>;
    if (typeof $set === 'number') return known(sets[$set]);
    if (typeof $source === 'number') return known(whole.sources[$source]);
    if (typeof $address === 'string') return known(parseAddress($address));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item)]));
  };
  return restore(whole.ruleset) as Ruleset;
}

/** Values by their text, each once. */
class Table<T extends object> {
  readonly texts: string[] = [];
  readonly #textOf: (value: T) => string;
  readonly #byText = new Map<string, number>();
  readonly #byValue = new Map<T, number>();

  constructor(textOf: (value: T) => string) {
    this.#textOf = textOf;
  }

  indexOf(value: T): number {
    const seen = this.#byValue.get(value);
    if (seen !== undefined) return seen;
    const text = this.#textOf(value);
    let index = this.#byText.get(text);
    if (index === undefined) {
      index = this.texts.push(text) - 1;
      this.#byText.set(text, index);
    }
    this.#byValue.set(value, index);
    return index;
  }
}

type EncodedSet = readonly [readonly EncodedInterval[], readonly EncodedInterval[]];
type EncodedInterval = readonly [string, string];

function intervalsOf({ v4, v6 }: AddressSet): EncodedSet {
  const of = (intervals: readonly Interval[]) =>
    intervals.map(({ low, high }): EncodedInterval => [low.toString(16), high.toString(16)]);
  return [of(v4), of(v6)];
}

function setOf([v4, v6]: EncodedSet): AddressSet {
  const of = (intervals: readonly EncodedInterval[]) =>
    intervals.map(([low, high]) => ({ low: BigInt(`0x${low}`), high: BigInt(`0x${high}`) }));
  return { v4: of(v4), v6: of(v6) };
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it refers to something that is not in it');
  return value;
}

function isSet(value: unknown): value is AddressSet {
  return typeof value === 'object' && value !== null && 'v4' in value && 'v6' in value;
}

function isSource(value: unknown): value is SourceRef {
  return typeof value === 'object' && value !== null && 'file' in value && 'line' in value && 'column' in value;
}

function isAddress(value: unknown): value is Address {
  return typeof value === 'object' && value !== null && 'family' in value && 'value' in value;
}
