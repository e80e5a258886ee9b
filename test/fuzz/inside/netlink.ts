/** What the kernel says over netlink: nothing is read past its bounds, and what is broken is said to be. */
import { formatAddress } from '../../../src/ip/address.ts';
import { attribute, decodeAttributes, nest, text, u8, u16be, u32, u32be } from '../../../src/netlink/attribute.ts';
import { decodeFlow, encodeTuple, type Tuple } from '../../../src/netlink/conntrack.ts';
import { NetlinkError } from '../../../src/netlink/error.ts';
import { decodeLink, type Link } from '../../../src/netlink/link.ts';
import { decodeLinkEvents } from '../../../src/netlink/link-events.ts';
import { decodeDatagram, encodeMessage, errnoOf, type Message } from '../../../src/netlink/message.ts';
import { peerAddresses, peerLink } from '../../../src/netlink/peer.ts';
import { decodeAddress, listAddresses, listLinks, netnsIdOf } from '../../../src/netlink/route.ts';
import { listRoutes } from '../../../src/netlink/routes.ts';
import { RuleEvents, tablesNamed, tablesOfIptables } from '../../../src/netlink/rule-events.ts';
import { decodeSize, decodeWays, listSizes, listWaysOut } from '../../../src/netlink/sizes.ts';
import type { Netlink } from '../../../src/netlink/socket.ts';
import { address } from '../../generate/build.ts';
import { recordedDatagrams } from '../../netlink/recorded.ts';
import type { Reader, Target } from '../target.ts';

/** Input inside of bytes that must not be seen: reading past it would bring them in. */
const poison = 0xa5;

/** Reads, or is refused as malformed, twice alike with other bytes around. */
function reader(corpus: () => readonly Buffer[], read: (bytes: Buffer) => unknown): Reader {
  return {
    corpus,
    read: (input) => {
      const before = Buffer.from(input);
      const [one, other] = [poison, 0].map((around) => tried(read, within(input, around)));
      if (!input.equals(before)) throw new Error('the input was changed');
      if (one !== other) throw new Error(`what is around the input counts: ${one} or ${other}`);
      return one?.startsWith('refused') === true ? 'refused' : 'accepted';
    },
  };
}

function within(input: Buffer, around: number): Buffer {
  const whole = Buffer.alloc(input.length + 64, around);
  input.copy(whole, 32);
  return whole.subarray(32, 32 + input.length);
}

function tried(read: (bytes: Buffer) => unknown, bytes: Buffer): string {
  try {
    return JSON.stringify(read(bytes), plain) ?? '';
  } catch (error) {
    if (!(error instanceof NetlinkError) || (error.kind !== 'malformed' && error.kind !== 'refused')) throw error;
    return `refused ${error.message}`;
  }
}

const plain = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value] : value;

/** The kernel's answer is these bytes, whatever it was asked. */
function answering(bytes: Buffer): Netlink {
  const messages = () => decodeDatagram(bytes);
  return {
    ask: messages,
    dump: <T>(_: unknown, read: (message: Message) => T | undefined) =>
      messages().flatMap((message) => {
        const found = read(message);
        return found === undefined ? [] : [found];
      }),
  };
}

/** A link as its readers may rely on it. */
function sound(link: Link): Link {
  if (!Number.isInteger(link.index) || typeof link.name !== 'string') throw new Error('not a link');
  if (link.mac !== null && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(link.mac)) throw new Error(`not a MAC: ${link.mac}`);
  return link;
}

const tuple = (from: string, to: string, detail: Tuple['detail'], protocol: number): Tuple => ({
  source: address(from),
  destination: address(to),
  protocol,
  detail,
  zone: 3,
});
const flow = (family: number, one: Tuple): Buffer =>
  Buffer.concat([
    Buffer.from([family, 0, 0, 0]),
    encodeTuple(1, one),
    encodeTuple(2, { ...one, source: one.destination, destination: one.source }),
    attribute(3, u32be(0x18e)),
    nest(4, nest(1, attribute(1, u8(7)))),
    attribute(7, u32be(431_999)),
    attribute(12, u32be(0xdeadbeef)),
    attribute(18, u16be(7)),
    nest(20, attribute(1, Buffer.alloc(8, 0x17))),
  ]);
const flows = [
  flow(2, tuple('10.0.0.2', '192.0.2.1', { kind: 'ports', source: 40_000, destination: 443 }, 6)),
  flow(10, tuple('fd00::2', '2001:db8::1', { kind: 'icmp', id: 77, type: 128, code: 0 }, 58)),
];
const nft = (type: number, family: number, table: string): Buffer =>
  encodeMessage({
    type: (10 << 8) | type,
    flags: 0,
    sequence: 0,
    payload: Buffer.concat([Buffer.from([family, 0, 0, 0]), attribute(1, text(table)), attribute(2, Buffer.alloc(40))]),
  });
const generation = encodeMessage({
  type: (10 << 8) | 15,
  flags: 0,
  sequence: 9,
  payload: Buffer.concat([
    Buffer.alloc(4),
    attribute(1, u32be(9)),
    attribute(2, u32be(4242)),
    attribute(3, text('nft')),
  ]),
});
const rules = [
  ...recordedDatagrams.filter((bytes) => bytes.readUInt16LE(4) >> 8 === 10),
  Buffer.concat([nft(12, 1, 'sluice'), nft(3, 7, 'sluice'), nft(6, 2, 'filter'), generation]),
  Buffer.concat([generation, nft(0, 7, 'sluice'), generation]),
];
const u16 = (value: number): Buffer => Buffer.of(value & 255, value >> 8);
const route = (...attributes: readonly Buffer[]): Buffer =>
  Buffer.concat([Buffer.from([2, 24, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]), ...attributes]);
const hop = (index: number): Buffer =>
  Buffer.concat([u16(16), Buffer.alloc(2), u32(index), attribute(5, Buffer.alloc(4))]);
const routes = [
  route(attribute(15, u32(254)), attribute(1, Buffer.from([192, 0, 2, 0])), attribute(4, u32(7))),
  route(attribute(15, u32(51_820)), nest(8, attribute(2, u32(1_420))), attribute(9, Buffer.concat([hop(7), hop(8)]))),
];
const payloads = (types: readonly number[]) => () =>
  recordedDatagrams.flatMap((bytes) =>
    decodeDatagram(bytes).flatMap(({ type, payload }) => (types.includes(type) ? [payload] : [])),
  );
const datagrams = () => [...recordedDatagrams, ...rules];

export const target: Target = {
  readers: {
    datagrams: reader(datagrams, (bytes) => decodeDatagram(bytes).map((one) => [one, one.type === 2 && errnoOf(one)])),
    attributes: reader(
      () => [...flows.map((one) => one.subarray(4)), ...payloads([16])().map((one) => one.subarray(16))],
      decodeAttributes,
    ),
    'link events': reader(datagrams, (bytes) =>
      decodeLinkEvents(bytes).map((event) => (event.kind === 'there' ? sound(event.link) : event)),
    ),
    links: reader(payloads([16, 17]), (bytes) => sound(decodeLink(bytes))),
    sizes: reader(payloads([16]), (bytes) => decodeSize(bytes)),
    'ways out': reader(() => routes, decodeWays),
    addresses: reader(payloads([20]), (bytes) => {
      const found = decodeAddress(bytes);
      return found === undefined ? found : [found, formatAddress(found.address)];
    }),
    flows: reader(
      () => [...flows, ...payloads([256])()],
      (bytes) => {
        const found = decodeFlow(bytes);
        // what is deleted is named by it, so it must go back over the wire as it came
        return found === undefined ? found : [found, encodeTuple(1, found.original), formatAddress(found.reply.source)];
      },
    ),
    'rule events': reader(
      () => rules,
      (bytes) => {
        // a transaction may be told over several datagrams
        return [tablesNamed('sluice'), tablesOfIptables].map((followed) => {
          const events = new RuleEvents(followed);
          return [events.read(bytes), events.read(generation)];
        });
      },
    ),
    'answers to lists': reader(datagrams, (bytes) => {
      const netlink = answering(bytes);
      const peer = { index: 7, netns: 3 };
      return [
        listLinks(netlink).map(sound),
        listAddresses(netlink),
        listRoutes(netlink),
        listSizes(netlink),
        listWaysOut(netlink),
        peerLink(netlink, peer),
        peerAddresses(netlink, peer),
        netnsIdOf(netlink, 1),
      ];
    }),
  },
};
