import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeElements, listElements } from '../../src/netlink/element-bytes.ts';
import { errnos } from '../../src/netlink/error.ts';
import { decodeDatagram } from '../../src/netlink/message.ts';
import { ElementWriter } from '../../src/netlink/set-elements.ts';
import type { Refusal } from '../../src/netlink/socket.ts';
import type { SetElement } from '../../src/nftables/endpoint-elements.ts';
import type { KeyPart, KeyType, Verdict } from '../../src/nftables/model.ts';

const one = (value: bigint | number): KeyPart => ({ low: BigInt(value), high: BigInt(value) });
const of = (key: readonly KeyType[], parts: readonly KeyPart[], verdict?: Verdict, set = 's'): SetElement => ({
  table: 'inet',
  set,
  key,
  element: verdict === undefined ? { key: parts } : { key: parts, verdict },
});
const hex = (element: SetElement) =>
  encodeElements({ table: element.table, set: element.set, elements: [element] }, true).toString('hex');

/** nfgenmsg of inet, table `sluice`, set `s`: what every message here begins with. */
const before = '01000000 0b000100 736c7569636500 00 06000200 7300 0000'.replaceAll(' ', '');

describe('the bytes of an element', () => {
  test.each<[string, SetElement, string]>([
    ['an address', of(['ipv4_addr'], [one(0x0a000002)]), '1400 0380 1000 0180 0c00 0180 0800 0100 0a000002'],
    ['an interface by index', of(['iface_index'], [one(7)]), '1400 0380 1000 0180 0c00 0180 0800 0100 07000000'],
    [
      'a MAC, padded outside',
      of(['ether_addr'], [one(0x0242ac1e0002)]),
      '1800 0380 1400 0180 1000 0180 0a00 0100 0242ac1e0002 0000',
    ],
    ['a protocol', of(['inet_proto'], [one(6)]), '1400 0380 1000 0180 0c00 0180 0500 0100 06 000000'],
    ['a port', of(['inet_service'], [one(443)]), '1400 0380 1000 0180 0c00 0180 0600 0100 01bb 0000'],
    [
      'an interface by name',
      of(['ifname'], [{ name: 'docker0' }]),
      '2000 0380 1c00 0180 1800 0180 1400 0100 646f636b6572300000000000 00000000',
    ],
    [
      'a neighbour discovery target',
      of(['nd_target'], [one((0xfe80n << 112n) | 2n)]),
      '2000 0380 1c00 0180 1800 0180 1400 0100 fe800000000000000000000000000002',
    ],
    [
      'fields that are padded inside',
      of(['iface_index', 'ether_addr', 'inet_proto', 'inet_service'], [one(7), one(0x0242ac1e0002), one(17), one(53)]),
      '2400 0380 2000 0180 1c00 0180 1800 0100 07000000 0242ac1e00020000 11000000 00350000',
    ],
    [
      'a verdict',
      of(['ipv4_addr'], [one(1)], { kind: 'return' }),
      '2400 0380 2000 0180 0c00 0180 0800 0100 00000001 1000 0280 0c00 0280 0800 0100 fffffffb',
    ],
    [
      'a verdict with a chain',
      of(['ipv4_addr'], [one(1)], { kind: 'goto', chain: 'judge' }),
      '3000 0380 2c00 0180 0c00 0180 0800 0100 00000001 1c00 0280 1800 0280 0800 0100 fffffffc 0a00 0200 6a7564676500 0000',
    ],
  ])('%s', (_what, element, bytes) => {
    expect(hex(element)).toBe(before + bytes.replaceAll(' ', ''));
  });

  test('to remove it has no verdict', () => {
    const element = of(['ipv4_addr'], [one(1)], { kind: 'goto', chain: 'judge' });
    const bytes = encodeElements({ table: 'inet', set: 's', elements: [element] }, false).toString('hex');
    expect(bytes).toBe(hex(of(['ipv4_addr'], [one(1)])));
  });

  test.each<[string, SetElement]>([
    ['a range', of(['ipv4_addr'], [{ low: 1n, high: 2n }])],
    ['a name where there is none', of(['ipv4_addr'], [{ name: 'x' }])],
    ['a number for a name', of(['ifname'], [one(1)])],
    ['a name of sixteen bytes', of(['ifname'], [{ name: 'x'.repeat(16) }])],
    ['a field too few', of(['ipv4_addr', 'inet_proto'], [one(1)])],
    ['a value that does not fit', of(['inet_service'], [one(70_000)])],
  ])('%s is refused', (_what, element) => {
    expect(() => hex(element)).toThrow(RangeError);
  });
});

test('lists keep below 64 KiB, whatever is in them, and lose nothing', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 120 });
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 20 }), (names) => {
      const elements = Array.from({ length: 3_000 }, (_, index) =>
        of(
          ['ipv6_addr'],
          [one(index)],
          { kind: 'goto', chain: names[index % names.length] as string },
          `s${index % 2}`,
        ),
      );
      const lists = listElements(elements);
      for (const list of lists) expect(() => encodeElements(list, true)).not.toThrow();
      expect(lists.flatMap((list) => list.elements).length).toBe(elements.length);
      for (const { set, elements: some } of lists)
        expect(new Set(some.map((each) => each.set))).toEqual(new Set([set]));
    }),
    { numRuns: 20 },
  );
});

/** A kernel that knows which keys are there; `knows` are the message types it has handlers for. */
class FakeNetfilter {
  readonly batches: number[][] = [];
  readonly there = new Set<string>();
  readonly #knows: ReadonlySet<number>;

  constructor(knows: readonly number[], there: readonly SetElement[]) {
    this.#knows = new Set(knows);
    for (const element of there) this.there.add(hex(element));
  }

  sendTogether(_size: { count: number }, encode: (first: number) => Buffer): readonly Refusal[] {
    const messages = decodeDatagram(encode(7)).slice(1, -1);
    this.batches.push(messages.map(({ type }) => type & 0xff));
    const refusals = messages.flatMap(({ type, payload }, index): Refusal[] => {
      if (!this.#knows.has(type & 0xff)) return [{ position: index + 1, errno: errnos.EINVAL }];
      const missing = (type & 0xff) === 14 && !this.there.has(payload.toString('hex'));
      return missing ? [{ position: index + 1, errno: errnos.ENOENT }] : [];
    });
    if (refusals.length > 0) return refusals;
    for (const { type, payload } of messages)
      if ((type & 0xff) === 12) this.there.add(payload.toString('hex'));
      else this.there.delete(payload.toString('hex'));
    return [];
  }
}

describe('removing what may not be there', () => {
  const [first, second, third] = [1, 2, 3].map((value) => of(['ipv4_addr'], [one(value)], undefined, `s${value}`));
  const some = [first, second].flatMap((element) => element ?? []);
  const added = third === undefined ? [] : [third];

  test('is one batch where the kernel does not mind', () => {
    const kernel = new FakeNetfilter([12, 14, 30], []);
    new ElementWriter(kernel).set(some, added);
    expect(kernel.batches).toEqual([[30, 30, 12]]);
  });

  test('before Linux 6.3 goes on without what is missing, and the rest is done', () => {
    const kernel = new FakeNetfilter([12, 14], some.slice(0, 1));
    const writer = new ElementWriter(kernel);
    writer.set(some, added);
    expect(kernel.batches).toEqual([
      [30, 30, 12],
      [14, 14, 12],
      [14, 12],
    ]);
    expect([...kernel.there]).toEqual(added.map(hex));
    writer.set(added, []);
    expect(kernel.batches.at(-1)).toEqual([14]);
  });

  test('nothing at all asks nobody', () => {
    const kernel = new FakeNetfilter([], []);
    new ElementWriter(kernel).set([], []);
    expect(kernel.batches).toEqual([]);
  });

  test('what cannot be added is an error that names the set', () => {
    const kernel = new FakeNetfilter([14, 30], []);
    expect(() => new ElementWriter(kernel).set([], added)).toThrow(/add 1 element.* to set inet sluice s3: EINVAL/);
  });
});
