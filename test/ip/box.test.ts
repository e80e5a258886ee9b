import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { everyAddress, setOfPrefixes } from '../../src/ip/address-set.ts';
import { type Box, boxesOf, coversBoxes, intersectBoxes, subtractBoxes, uniteBoxes } from '../../src/ip/box.ts';
import { prefixOf } from '../../src/ip/prefix.ts';

/** A space small enough to count every packet in: 6 addresses of each family, 4 protocols, 5 ports. */
const sizes = { addresses: 6, protocols: 4, ports: 5 };

const interval = (size: number) =>
  fc.tuple(fc.nat(size - 1), fc.nat(size - 1)).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));

const box: fc.Arbitrary<Box> = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  addresses: interval(sizes.addresses).map(({ low, high }) => ({ low: BigInt(low), high: BigInt(high) })),
  protocols: interval(sizes.protocols),
  ports: interval(sizes.ports),
});
const boxes = fc.array(box, { maxLength: 4 });

/** Every packet of a list, one text each, repeated where boxes overlap. */
function packets(list: readonly Box[]): readonly string[] {
  const found: string[] = [];
  for (const { family, addresses, protocols, ports } of list)
    for (let address = addresses.low; address <= addresses.high; address++)
      for (let protocol = protocols.low; protocol <= protocols.high; protocol++)
        for (let port = ports.low; port <= ports.high; port++) found.push(`${family} ${address} ${protocol} ${port}`);
  return found;
}
const setOf = (list: readonly Box[]) => new Set(packets(list));

describe('box algebra agrees with counting packets', () => {
  test('union holds what either holds, each packet once', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        const union = packets(uniteBoxes(a, b));
        expect(new Set(union)).toEqual(setOf(a).union(setOf(b)));
        expect(union.length).toBe(new Set(union).size);
      }),
    );
  });

  test('intersection holds what both hold', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        expect(setOf(intersectBoxes(a, b))).toEqual(setOf(a).intersection(setOf(b)));
      }),
    );
  });

  test('subtraction leaves what only the first holds', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        expect(setOf(subtractBoxes(a, b))).toEqual(setOf(a).difference(setOf(b)));
      }),
    );
  });

  test('subtraction keeps disjoint boxes disjoint', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        const rest = packets(subtractBoxes(uniteBoxes(a), b));
        expect(rest.length).toBe(new Set(rest).size);
      }),
    );
  });

  test('covering is being a superset', () => {
    fc.assert(
      fc.property(boxes, boxes, (a, b) => {
        expect(coversBoxes(a, b)).toBe(setOf(b).isSubsetOf(setOf(a)));
      }),
    );
  });
});

describe('boxes of a set and a layer 4 match', () => {
  test('icmp is ICMP on IPv4 and ICMPv6 on IPv6', () => {
    const set = setOfPrefixes(['192.0.2.0/24', '2001:db8::/32'].map(prefixOf));
    const found = boxesOf(set, [{ protocol: 'icmp', ports: { low: 0, high: 65535 } }]);
    expect(found.map(({ family, protocols }) => [family, protocols.low, protocols.high])).toEqual([
      [4, 1, 1],
      [6, 58, 58],
    ]);
  });

  test('no match on layer 4 is every protocol', () => {
    expect(boxesOf(everyAddress, 'any').map(({ protocols }) => protocols)).toEqual([
      { low: 0, high: 255 },
      { low: 0, high: 255 },
    ]);
  });
});
