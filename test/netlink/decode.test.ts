import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressOf, formatAddress, parseAddress } from '../../src/ip/address.ts';
import { attribute, decodeAttributes, nest, text, u8, u16be, u32, u32be } from '../../src/netlink/attribute.ts';
import { decodeFlow, encodeIp, encodeTuple, type Flow, hasEnded, type Tuple } from '../../src/netlink/conntrack.ts';
import { NetlinkError } from '../../src/netlink/error.ts';
import { decodeLink } from '../../src/netlink/link.ts';
import { decodeDatagram, encodeMessage } from '../../src/netlink/message.ts';
import { decodeAddress } from '../../src/netlink/route.ts';

describe('messages and attributes', () => {
  test('a message survives the wire', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            type: fc.nat(0xffff),
            flags: fc.nat(0xffff),
            sequence: fc.nat(0xffffffff),
            payload: fc.uint8Array(),
          }),
        ),
        (messages) => {
          const wire = Buffer.concat(
            messages.map((one) => encodeMessage({ ...one, payload: Buffer.from(one.payload) })),
          );
          expect(decodeDatagram(wire).map((one) => ({ ...one, payload: new Uint8Array(one.payload) }))).toEqual(
            messages,
          );
        },
      ),
    );
  });

  test('attributes survive the wire, of each type the last one', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(0x3fff), fc.uint8Array())), (pairs) => {
        const wire = Buffer.concat(pairs.map(([type, payload]) => attribute(type, payload)));
        const back = [...decodeAttributes(wire)].map(([type, payload]) => [type, new Uint8Array(payload)]);
        expect(new Map(back as [number, Uint8Array][])).toEqual(new Map(pairs));
      }),
    );
  });

  test('an attribute longer than u16 can say is refused, not wrapped around', () => {
    expect(() => attribute(1, Buffer.alloc(0xffff))).toThrow(RangeError);
  });
});

describe('garbage', () => {
  const decoders = { decodeDatagram, decodeAttributes, decodeLink, decodeAddress, decodeFlow };

  test.each(Object.entries(decoders))('%s reads any bytes or says that they are malformed', (_name, decode) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(NetlinkError);
          expect(error).toMatchObject({ kind: 'malformed' });
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ['a link', linkPayload(), decodeLink],
    ['an address', addressPayload(), decodeAddress],
    ['a flow', flowPayload(), decodeFlow],
  ] as const)('%s with bytes changed or cut off is read or refused', (_what, good, decode) => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        if (at < length) bytes[at] = value;
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'NetlinkError', kind: 'malformed' });
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

function linkPayload(...extra: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeInt32LE(7, 4);
  head.writeUInt32LE(0x1003, 8);
  const name = attribute(3, text('veth0fd698f'));
  const mac = attribute(1, Buffer.from('36:ef:42:88:43:49'.replaceAll(':', ''), 'hex'));
  return Buffer.concat([head, name, mac, ...extra]);
}

describe('links', () => {
  const kind = (name: string, ...data: readonly Buffer[]) =>
    nest(18, attribute(1, text(name)), ...(data.length === 0 ? [] : [nest(2, ...data)]));

  test('a veth that leads into another namespace', () => {
    const payload = linkPayload(attribute(10, u32(5)), attribute(5, u32(2)), attribute(37, u32(3)), kind('veth'));
    expect(decodeLink(payload)).toEqual({
      index: 7,
      name: 'veth0fd698f',
      mac: '36:ef:42:88:43:49',
      master: 5,
      kind: 'veth',
      up: true,
      peer: { index: 2, netns: 3 },
      bridgeCalls: null,
    });
  });

  test('a veth whose peer is in our own namespace', () => {
    expect(decodeLink(linkPayload(attribute(5, u32(2)), kind('veth'))).peer).toEqual({ index: 2, netns: null });
  });

  test('what a macvlan sits on is no peer', () => {
    expect(decodeLink(linkPayload(attribute(5, u32(2)), attribute(37, u32(3)), kind('macvlan'))).peer).toBeNull();
  });

  test('a bridge with its switches, and one of a kernel without them', () => {
    const on = decodeLink(linkPayload(kind('bridge', attribute(36, u8(1)), attribute(37, u8(0)))));
    expect(on.bridgeCalls).toEqual({ ip: true, ip6: false });
    const groups = decodeLink(
      linkPayload(
        kind(
          'bridge',
          attribute(9, Buffer.from([0x00, 0x40])),
          attribute(36, u8(1)),
          attribute(37, u8(1)),
          attribute(46, Buffer.concat([u32(1), u32(0xff)])),
        ),
      ),
    );
    expect(groups.bridgeCalls).toEqual({ ip: true, ip6: true, learnsLinkLocal: false, forwardedGroups: 0x4000 });
    expect(decodeLink(linkPayload(kind('bridge', attribute(7, u8(1))))).bridgeCalls).toBeNull();
  });

  test('hardware has no kind, and a MAC of another length is none', () => {
    expect(decodeLink(linkPayload())).toMatchObject({ kind: null, peer: null, master: null });
    expect(decodeLink(linkPayload(attribute(1, Buffer.alloc(20)))).mac).toBeNull();
  });
});

function addressPayload(family = 2, length = 24, ...attributes: readonly Buffer[]): Buffer {
  const head = Buffer.from([family, length, 0, 0, 9, 0, 0, 0]);
  const own = attributes.length > 0 ? attributes : [attribute(1, Buffer.from([10, 1, 1, 1]))];
  return Buffer.concat([head, ...own]);
}

describe('addresses', () => {
  test('of both families', () => {
    const v4 = decodeAddress(addressPayload());
    expect(v4 && [v4.index, v4.length, formatAddress(v4.address)]).toEqual([9, 24, '10.1.1.1']);
    const v6 = decodeAddress(addressPayload(10, 64, attribute(1, encodeIp(addressOf(6, (0xfdn << 120n) | 1n)))));
    expect(v6 && formatAddress(v6.address)).toBe('fd00::1');
  });

  test('of a point-to-point link it is the near end that is ours', () => {
    const [far, near] = [attribute(1, Buffer.from([10, 0, 0, 2])), attribute(2, Buffer.from([10, 0, 0, 1]))];
    const found = decodeAddress(addressPayload(2, 32, far, near));
    expect(found && formatAddress(found.address)).toBe('10.0.0.1');
  });

  test('another family is left out, a wrong size refused', () => {
    expect(decodeAddress(addressPayload(7))).toBeUndefined();
    expect(() => decodeAddress(addressPayload(10))).toThrow(NetlinkError);
    expect(() => decodeAddress(addressPayload(2, 33))).toThrow(NetlinkError);
  });
});

function flowPayload(original = tuple('10.0.0.2', '192.0.2.1'), family = 2): Buffer {
  const reply = { ...original, source: original.destination, destination: original.source };
  return Buffer.concat([
    Buffer.from([family, 0, 0, 0]),
    encodeTuple(1, original),
    encodeTuple(2, reply),
    attribute(3, u32be(0x18e)),
    attribute(7, u32be(431_999)),
    attribute(8, u32be(0x10000000)),
    attribute(12, u32be(0xdeadbeef)),
    attribute(18, u16be(7)),
  ]);
}

function tuple(source: string, destination: string, change: Partial<Tuple> = {}): Tuple {
  const [from, to] = [parseAddress(source), parseAddress(destination)];
  if (from === undefined || to === undefined) throw new TypeError('no addresses');
  return {
    source: from,
    destination: to,
    protocol: 6,
    detail: { kind: 'ports', source: 40_000, destination: 443 },
    zone: 0,
    ...change,
  };
}

describe('conntrack entries', () => {
  test('with every field, big-endian', () => {
    const flow = decodeFlow(flowPayload());
    expect(flow).toMatchObject({ id: 0xdeadbeef, zone: 7, status: 0x18e, mark: 0x10000000, timeout: 431_999 });
    expect(flow?.original).toEqual(tuple('10.0.0.2', '192.0.2.1'));
  });

  test.each<[string, Tuple, number]>([
    ['udp over IPv6', tuple('fd00::2', '2001:db8::1', { protocol: 17 }), 10],
    ['ping', tuple('10.0.0.2', '192.0.2.1', { protocol: 1, detail: { kind: 'icmp', id: 77, type: 8, code: 0 } }), 2],
    [
      'ping over IPv6',
      tuple('fd00::2', '2001:db8::1', { protocol: 58, detail: { kind: 'icmp', id: 77, type: 128, code: 0 } }),
      10,
    ],
    ['a protocol without ports', tuple('10.0.0.2', '192.0.2.1', { protocol: 50, detail: { kind: 'none' } }), 2],
    ['a zone of one direction', tuple('10.0.0.2', '192.0.2.1', { zone: 9 }), 2],
  ])('%s survives encoding', (_what, original, family) => {
    expect(decodeFlow(flowPayload(original, family))?.original).toEqual(original);
  });

  test('when it began is told where the kernel keeps it', () => {
    expect(decodeFlow(flowPayload())).not.toHaveProperty('began');
    const start = Buffer.alloc(8);
    start.writeBigUInt64BE(1_700_000_000_123_456_789n);
    const timed = Buffer.concat([flowPayload(), nest(20, attribute(1, start))]);
    expect(decodeFlow(timed)?.began).toBe(1_700_000_000_123);
  });

  test('a TCP connection that has ended is told from one that lives', () => {
    const inState = (state: number) => Buffer.concat([flowPayload(), nest(4, nest(1, attribute(1, u8(state))))]);
    const ended = Array.from({ length: 10 }, (_, state) => hasEnded(decodeFlow(inState(state)) as Flow));
    expect(ended.flatMap((yes, state) => (yes ? [state] : []))).toEqual([7, 8]);
    expect(hasEnded(decodeFlow(flowPayload()) as Flow)).toBe(false);
  });

  test('an entry of another family is left out, one without a tuple refused', () => {
    expect(decodeFlow(flowPayload(undefined, 7))).toBeUndefined();
    expect(() => decodeFlow(Buffer.from([2, 0, 0, 0]))).toThrow(NetlinkError);
  });
});
