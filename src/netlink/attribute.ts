import { NetlinkError } from './error.ts';

/** One netlink attribute (struct nlattr): a type and a payload, which may itself be a list of attributes. */
interface Attribute {
  /** Without the flag bits NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
  readonly type: number;
  readonly payload: Buffer;
}

const head = 4; // u16 length, u16 type; host byte order, which is little-endian on every platform we ship for
const nested = 0x8000;
const typeMask = 0x3fff;

/** Length of something padded to the 4 bytes netlink aligns to. */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** An attribute as bytes, padded. Throws a RangeError for a payload that u16 cannot count. */
export function attribute(type: number, payload: Uint8Array): Buffer {
  const length = head + payload.length;
  if (length > 0xffff) throw new RangeError(`netlink attribute ${type} of ${payload.length} bytes`);
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt16LE(length, 0);
  bytes.writeUInt16LE(type, 2);
  bytes.set(payload, head);
  return bytes;
}

/** An attribute that holds attributes. */
export function nest(type: number, ...inner: readonly Uint8Array[]): Buffer {
  return attribute(type | nested, Buffer.concat(inner));
}

export const u8 = (value: number): Buffer => Buffer.of(value);

/** 16 bits in network order, as netfilter's attributes have them. */
export function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** 32 bits in network order, as netfilter's attributes have them. */
export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

/** 32 bits in host order, as rtnetlink's attributes have them. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** 16 bits, likewise. */
export function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value & 0xffff);
  return bytes;
}

/** Text with the terminating zero that NLA_NUL_STRING wants. */
export function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/**
 * Reads a list of attributes. When a type comes twice the last one stands, as in the kernel's nla_parse.
 *
 * @throws NetlinkError `malformed` when a length does not fit
 */
export function decodeAttributes(bytes: Buffer): ReadonlyMap<number, Buffer> {
  return new Map(listAttributes(bytes).map(({ type, payload }) => [type, payload]));
}

function listAttributes(bytes: Buffer): readonly Attribute[] {
  const attributes: Attribute[] = [];
  for (let at = 0; at + head <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < head || at + length > bytes.length)
      throw new NetlinkError('malformed', `netlink attribute of ${length} bytes where ${bytes.length - at} are left`);
    attributes.push({ type: bytes.readUInt16LE(at + 2) & typeMask, payload: bytes.subarray(at + head, at + length) });
    at += aligned(length);
  }
  return attributes;
}

/** A payload's number, unsigned, in host order; undefined when it is absent. */
export function readU32(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 4).readUInt32LE();
}

/** The same, signed. @throws NetlinkError `malformed` for another length, as those below */
export function readI32(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 4).readInt32LE();
}

/** 16 bits in host order; undefined when they are absent. */
export function readU16(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 2).readUInt16LE();
}

/** One byte; undefined when it is absent. */
export function readU8(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 1).readUInt8();
}

/** 32 bits in network order, unsigned, as netfilter's attributes have them; undefined when it is absent. */
export function readU32be(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 4).readUInt32BE();
}

/** 16 bits in network order, unsigned, such as ports; undefined when it is absent. */
export function readU16be(payload: Buffer | undefined): number | undefined {
  if (payload === undefined) return undefined;
  return sized(payload, 2).readUInt16BE();
}

/** A zero-terminated string; undefined when it is absent. */
export function readText(payload: Buffer | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return payload.toString('utf8', 0, end < 0 ? payload.length : end);
}

function sized(payload: Buffer, size: number): Buffer {
  if (payload.length < size)
    throw new NetlinkError('malformed', `netlink payload of ${payload.length} bytes where ${size} are due`);
  return payload;
}
