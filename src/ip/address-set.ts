import { type Address, addressOf, bits, type Family } from './address.ts';
import type { Interval } from './interval.ts';
import * as intervals from './interval.ts';
import { type Prefix, prefixInterval } from './prefix.ts';

/** A set of addresses of both families: sorted, disjoint, closed intervals of address values. */
export interface AddressSet {
  readonly v4: readonly Interval[];
  readonly v6: readonly Interval[];
}

/** No address of either family. */
export const noAddresses: AddressSet = { v4: [], v6: [] };

/** Every address of both families. */
export const everyAddress: AddressSet = {
  v4: [{ low: 0n, high: (1n << 32n) - 1n }],
  v6: [{ low: 0n, high: (1n << 128n) - 1n }],
};

/** The intervals of one family. */
export function ofFamily(set: AddressSet, family: Family): readonly Interval[] {
  return family === 4 ? set.v4 : set.v6;
}

/** The addresses of all the prefixes, each from its own address to its last: a prefix has no bits set beyond its length. */
export function setOfPrefixes(prefixes: readonly Prefix[]): AddressSet {
  const of = (family: Family) =>
    intervals.normalise(prefixes.filter((prefix) => prefix.address.family === family).map(prefixInterval));
  return { v4: of(4), v6: of(6) };
}

/** The addresses and no others. */
export function setOfAddresses(addresses: readonly Address[]): AddressSet {
  return setOfPrefixes(addresses.map((address) => ({ address, length: bits(address.family) })));
}

/** What is in any of the sets; intervals that touch become one. */
export function unionSets(...sets: readonly AddressSet[]): AddressSet {
  return {
    v4: intervals.normalise(sets.flatMap((set) => set.v4)),
    v6: intervals.normalise(sets.flatMap((set) => set.v6)),
  };
}

/** What is in both. */
export function intersectSets(a: AddressSet, b: AddressSet): AddressSet {
  return { v4: intervals.intersect(a.v4, b.v4), v6: intervals.intersect(a.v6, b.v6) };
}

/** What is in the first and not in the second. */
export function subtractSets(a: AddressSet, b: AddressSet): AddressSet {
  return { v4: intervals.subtract(a.v4, b.v4), v6: intervals.subtract(a.v6, b.v6) };
}

/** Whether an address is in it. */
export function setIncludes(set: AddressSet, address: Address): boolean {
  return intervals.includes(ofFamily(set, address.family), address.value);
}

/** Whether it has no address of either family. */
export function isEmptySet(set: AddressSet): boolean {
  return set.v4.length === 0 && set.v6.length === 0;
}

/** The fewest prefixes that cover an interval of a family exactly. */
export function intervalPrefixes(family: Family, interval: Interval): readonly Prefix[] {
  const prefixes: Prefix[] = [];
  const size = BigInt(bits(family));
  let low = interval.low;
  while (low <= interval.high) {
    let hostBits = 0n;
    // grow the block while it stays aligned on `low` and inside the interval
    while (
      hostBits < size &&
      (low & ((1n << (hostBits + 1n)) - 1n)) === 0n &&
      low + (1n << (hostBits + 1n)) - 1n <= interval.high
    )
      hostBits++;
    prefixes.push({ address: addressOf(family, low), length: Number(size - hostBits) });
    low += 1n << hostBits;
  }
  return prefixes;
}
