import { type Family, parseAddress } from '../ip/address.ts';
import { prefixInterval } from '../ip/prefix.ts';
import type { ValueType } from './fields.ts';
import { isObject, type JsonObject, list, objectWith, onlyEntry, text, unknown } from './listing.ts';
import type { Field, KeyPart } from './model.ts';
import { named, one, range } from './statements.ts';

/** Indices of the host's interfaces by name: nft lists an index that is in use by its interface's name. */
export type InterfaceIndices = ReadonlyMap<string, number>;

/** How to read a value: what it is, and the words nft may use in place of its number. */
export interface ValueReader {
  readonly type: ValueType;
  readonly words: Readonly<Record<string, number>>;
  readonly interfaces: InterfaceIndices;
}

/** Words for ICMP types (nftables, src/proto.c, icmp_type_tbl). */
const icmpTypes = { 'destination-unreachable': 3, 'time-exceeded': 11, 'parameter-problem': 12 };

/** Words for IGMP types (igmp_type_tbl). */
const igmpTypes = { 'membership-query': 0x11 };

/** Words for ICMPv6 types (icmp6_type_tbl). */
const icmpv6Types = {
  'destination-unreachable': 1,
  'packet-too-big': 2,
  'time-exceeded': 3,
  'parameter-problem': 4,
  'mld-listener-query': 130,
  'mld-listener-report': 131,
  'mld-listener-done': 132,
  'mld-listener-reduction': 132,
  'nd-router-solicit': 133,
  'nd-router-advert': 134,
  'nd-neighbor-solicit': 135,
  'nd-neighbor-advert': 136,
  'nd-redirect': 137,
  'mld2-listener-report': 143,
};

const etherTypes = { ip: 0x0800, arp: 0x0806, '8021q': 0x8100, ip6: 0x86dd, '8021ad': 0x88a8 };

/** The words nft uses for a field's values, listed with `-p`. */
export const fieldWords: Partial<Record<Field, Readonly<Record<string, number>>>> = {
  'icmp type': icmpTypes,
  'igmp type': igmpTypes,
  'icmpv6 type': icmpv6Types,
  'ether type': etherTypes,
  'arp ptype': etherTypes,
  'arp operation': { request: 1, reply: 2 },
  'ct direction': { original: 0, reply: 1 },
  'meta nfproto': { ipv4: 2, ipv6: 10 },
};

/**
 * Names of IP protocols, for listings made without `-p`; then nft takes them from the host's /etc/protocols. Others than
 * these are an error.
 */
export const protocolWords: Readonly<Record<string, number>> = {
  ip: 0,
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': 58,
  icmpv6: 58,
  sctp: 132,
};

/** The alternatives on the right side of a match: one value, or the members of an anonymous set. */
export function readValues(value: unknown, reader: ValueReader): readonly KeyPart[] {
  if (isObject(value) && 'set' in value)
    return list('a set', objectWith('a set', value, ['set'])['set']).map((member) => readPart(member, reader));
  return [readPart(value, reader)];
}

/** One value, a range, or a prefix. */
export function readPart(value: unknown, reader: ValueReader): KeyPart {
  if (!isObject(value)) return readSingle(value, reader);
  const [kind, inside] = onlyEntry('a value', value);
  if (kind === 'range') {
    const [low, high, ...more] = list('a range', inside).map((end) => readNumber(end, reader));
    if (low === undefined || high === undefined || more.length > 0 || low > high) return unknown('a range', value);
    return range(low, high);
  }
  if (kind === 'prefix') return readPrefix(objectWith('a prefix', inside, ['addr', 'len']), reader);
  return unknown('a value', value);
}

const widths: Partial<Record<ValueType, number>> = {
  ipv4_addr: 32,
  ipv6_addr: 128,
  inet_service: 16,
  inet_proto: 8,
  ether_addr: 48,
};

function readPrefix(prefix: JsonObject, reader: ValueReader): KeyPart {
  const low = readNumber(prefix['addr'], reader);
  const length = prefix['len'];
  const width = widths[reader.type];
  if (width === undefined || typeof length !== 'number' || !Number.isInteger(length) || length < 0 || length > width)
    return unknown('a prefix', prefix);
  const family: Family | undefined = width === 32 ? 4 : width === 128 ? 6 : undefined;
  const host = (1n << BigInt(width - length)) - 1n;
  if ((low & host) !== 0n) return unknown('a prefix', prefix);
  if (family === undefined) return range(low, low | host);
  const { high } = prefixInterval({ address: { family, value: low }, length });
  return range(low, high);
}

function readSingle(value: unknown, reader: ValueReader): KeyPart {
  return reader.type === 'ifname' ? named(text('an interface', value)) : one(readNumber(value, reader));
}

function readNumber(value: unknown, { type, words, interfaces }: ValueReader): bigint {
  switch (type) {
    case 'ifname':
      return unknown('a range of names', value);
    case 'ipv4_addr':
    case 'ipv6_addr':
      return readAddress(value, type === 'ipv4_addr' ? 4 : 6);
    case 'ether_addr':
      return readMac(value);
    case 'quoted4':
      return typeof value === 'number' && Number.isInteger(value) && value >= 0
        ? BigInt(value)
        : unknown('a value', value);
    case 'nd_target':
    case 'quoted6':
      return /^0x[0-9a-f]{1,32}$/.test(text('a raw value', value)) ? BigInt(value as string) : readAddress(value, 6);
    case 'iface_index':
      return BigInt(readInterface(value, interfaces));
    case 'seconds':
      return readTime(value);
    default: {
      const number = typeof value === 'string' ? (words[value] ?? untyped(value)) : value;
      if (typeof number !== 'number' || !Number.isInteger(number) || number < 0) return unknown('a value', value);
      return BigInt(number);
    }
  }
}

/** nft 1.0.6 has no type for the ports of a conversation's tuple in a set: `0x50 [invalid type]`, in network order. */
function untyped(text: string): number | undefined {
  const hex = /^0x([0-9a-f]{1,8}) \[invalid type\]$/.exec(text)?.[1];
  return hex === undefined ? undefined : Number.parseInt(hex, 16);
}

function readAddress(value: unknown, family: Family): bigint {
  const address = parseAddress(text('an address', value));
  return address?.family === family ? address.value : unknown(`an IPv${family} address`, value);
}

function readMac(value: unknown): bigint {
  const mac = text('a MAC', value);
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) ? BigInt(`0x${mac.replaceAll(':', '')}`) : unknown('a MAC', value);
}

/** nft writes the interface's name, or the index as text when no interface has it. */
function readInterface(value: unknown, interfaces: InterfaceIndices): number {
  const name = typeof value === 'number' ? String(value) : text('an interface', value);
  const index = interfaces.get(name);
  if (!/^[0-9]{1,10}$/.test(name)) return index ?? unknown('an interface that is not there', value);
  return index === undefined ? Number(name) : unknown('an interface whose name is a number', value);
}

/** Seconds since the epoch; nft writes the time of its own time zone, which has to be UTC (see nftCommand). */
function readTime(value: unknown): bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value);
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/.exec(text('a time', value));
  const milliseconds = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`);
  return Number.isNaN(milliseconds) ? unknown('a time', value) : BigInt(milliseconds / 1000);
}
