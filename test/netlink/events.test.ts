import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { attribute, nest, text, u32, u32be } from '../../src/netlink/attribute.ts';
import { decodeLinkEvents } from '../../src/netlink/link-events.ts';
import { encodeMessage } from '../../src/netlink/message.ts';
import { RuleEvents, tablesNamed, tablesOfIptables } from '../../src/netlink/rule-events.ts';

function rule(type: number, family: number, table: string, ...more: readonly Buffer[]): Buffer {
  const payload = Buffer.concat([Buffer.from([family, 0, 0, 0]), attribute(1, text(table)), ...more]);
  return encodeMessage({ type: (10 << 8) | type, flags: 0, sequence: 0, payload });
}

function generation(portId: number, process: number, name: string): Buffer {
  const attributes = [attribute(1, u32be(9)), attribute(2, u32be(process)), attribute(3, text(name))];
  const payload = Buffer.concat([Buffer.alloc(4), ...attributes]);
  const bytes = encodeMessage({ type: (10 << 8) | 15, flags: 0, sequence: 0, payload });
  bytes.writeUInt32LE(portId, 12);
  return bytes;
}

const [inet, ip, bridge] = [1, 2, 7];

describe('changed rules', () => {
  test.each<[string, readonly Buffer[], { inet: boolean; bridge: boolean }]>([
    ['a chain of ours', [rule(3, inet, 'sluice')], { inet: true, bridge: false }],
    ['elements of ours', [rule(12, bridge, 'sluice'), rule(14, inet, 'sluice')], { inet: true, bridge: true }],
    ['a table that goes', [rule(2, inet, 'sluice')], { inet: true, bridge: false }],
    [
      'others’ tables',
      [rule(6, inet, 'sluice2'), rule(6, inet, 'sluic'), rule(6, inet, 'other')],
      { inet: false, bridge: false },
    ],
    ['our name in another family', [rule(6, ip, 'sluice')], { inet: false, bridge: false }],
    ['nothing', [], { inet: false, bridge: false }],
  ])('%s', (_what, messages, touched) => {
    const by = { portId: 77, process: 4242, name: 'nft' };
    const events = new RuleEvents(tablesNamed('sluice'));
    expect(events.read(Buffer.concat([...messages, generation(77, 4242, 'nft')]))).toEqual([{ ...touched, by }]);
  });

  test('a transaction over several datagrams is told at its end, and the next one starts clean', () => {
    const events = new RuleEvents(tablesNamed('sluice'));
    expect(events.read(rule(12, inet, 'sluice'))).toEqual([]);
    expect(events.read(rule(12, bridge, 'other'))).toEqual([]);
    const [first, second] = events.read(
      Buffer.concat([generation(1, 1, 'nft'), rule(0, bridge, 'sluice'), generation(2, 2, 'iptables-nft')]),
    );
    expect(first).toMatchObject({ inet: true, bridge: false, by: { portId: 1 } });
    expect(second).toMatchObject({ inet: false, bridge: true, by: { portId: 2, name: 'iptables-nft' } });
  });

  test.each<[string, Buffer, { inet: boolean; bridge: boolean }]>([
    ['a rule of iptables', rule(6, ip, 'mangle'), { inet: true, bridge: false }],
    ['a rule of ip6tables', rule(8, 10, 'security'), { inet: true, bridge: false }],
    ['a rule of ebtables', rule(6, bridge, 'nat'), { inet: false, bridge: true }],
    ['a table where nothing of ours is', rule(6, ip, 'nat'), { inet: false, bridge: false }],
    ['a table of nft', rule(6, inet, 'filter'), { inet: false, bridge: false }],
  ])('with iptables: %s', (_what, message, touched) => {
    const events = new RuleEvents(tablesOfIptables);
    expect(events.read(Buffer.concat([message, generation(1, 1, 'x')]))).toMatchObject([touched]);
  });

  test('messages of other subsystems are passed over', () => {
    const other = encodeMessage({ type: (1 << 8) | 12, flags: 0, sequence: 0, payload: Buffer.alloc(8) });
    expect(new RuleEvents(tablesNamed('sluice')).read(Buffer.concat([other, generation(1, 1, 'x')]))).toMatchObject([
      { inet: false },
    ]);
  });
});

function link(type: number, family: number, ...attributes: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt8(family, 0);
  head.writeInt32LE(7, 4);
  const payload = Buffer.concat([head, attribute(3, text('veth7')), ...attributes]);
  return encodeMessage({ type, flags: 0, sequence: 0, payload });
}

describe('links', () => {
  const [newLink, deleteLink, ofLinks, ofBridge] = [16, 17, 0, 7];

  test('that are there, with their bridge and the namespace of the other end', () => {
    const veth = nest(18, attribute(1, text('veth')));
    const bytes = link(newLink, ofLinks, attribute(10, u32(3)), attribute(5, u32(2)), attribute(37, u32(4)), veth);
    expect(decodeLinkEvents(bytes)).toMatchObject([
      { kind: 'there', link: { index: 7, name: 'veth7', master: 3, peer: { index: 2, netns: 4 } } },
    ]);
  });

  test('that go, and that leave their bridge, are told apart', () => {
    const bytes = Buffer.concat([link(deleteLink, ofBridge), link(deleteLink, ofLinks)]);
    expect(decodeLinkEvents(bytes)).toEqual([
      { kind: 'parted', index: 7 },
      { kind: 'gone', index: 7 },
    ]);
  });

  test('of the bridge’s own telling, and other messages, are left out', () => {
    expect(decodeLinkEvents(Buffer.concat([link(newLink, ofBridge), link(20, ofLinks)]))).toEqual([]);
  });
});

describe('garbage', () => {
  const decoders = { decodeLinkEvents, rules: (bytes: Buffer) => new RuleEvents(tablesNamed('sluice')).read(bytes) };
  const good = [link(16, 0, attribute(10, u32(3))), rule(12, inet, 'sluice'), generation(1, 2, 'nft')] as const;

  test.each(Object.entries(decoders))('%s reads any bytes or says that they are malformed', (_name, decode) => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.constantFrom(...good), fc.nat(200), fc.nat(255), fc.nat(200)).map(([whole, at, value, length]) => {
        const changed = Buffer.from(whole.subarray(0, length));
        if (at < changed.length) changed[at] = value;
        return changed;
      }),
    );
    fc.assert(
      fc.property(bytes, (some) => {
        try {
          decode(Buffer.from(some));
        } catch (error) {
          expect(error).toMatchObject({ name: 'NetlinkError', kind: 'malformed' });
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
