import type { Address } from '../ip/address.ts';
import { attribute, decodeAttributes, nest, readU8, readU16be, readU32be, u8, u16be, u32be } from './attribute.ts';
import { errnos, NetlinkError } from './error.ts';
import { decodeIp } from './route.ts';
import type { Netlink } from './socket.ts';

/** One direction of a conversation, as conntrack identifies it. */
export interface Tuple {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number. */
  readonly protocol: number;
  readonly detail: TupleDetail;
  /** Zone of this direction alone (`ct original zone set`); 0 where both directions are in the flow's zone. */
  readonly zone: number;
}

export type TupleDetail =
  | { readonly kind: 'ports'; readonly source: number; readonly destination: number }
  /** ICMP and ICMPv6: the query's identifier, with its type and code. */
  | { readonly kind: 'icmp'; readonly id: number; readonly type: number; readonly code: number }
  /** Protocols that conntrack knows by addresses alone. */
  | { readonly kind: 'none' };

/** A conntrack entry: a conversation the kernel knows. */
export interface Flow {
  /** The kernel's id of the entry; another entry with the same tuple has another id. */
  readonly id: number;
  readonly zone: number;
  /** As the one who began it sent it, before any address translation. */
  readonly original: Tuple;
  /** As its answers arrive: with DNAT the source differs from the original's destination. */
  readonly reply: Tuple;
  /** Bits of enum ip_conntrack_status. */
  readonly status: number;
  readonly mark: number;
  /** Seconds until it is forgotten; null for an entry that the kernel no longer times. */
  readonly timeout: number | null;
  /** When it began, in milliseconds since the epoch; absent unless net.netfilter.nf_conntrack_timestamp was on by then. */
  readonly began?: number;
  /** Of TCP: enum tcp_conntrack (linux/netfilter/nf_conntrack_tcp.h). */
  readonly tcpState?: number;
}

/** enum ip_conntrack_status (linux/netfilter/nf_conntrack_common.h). */
export const flowStatus = {
  seenReply: 1 << 1,
  assured: 1 << 2,
  confirmed: 1 << 3,
  sourceNat: 1 << 4,
  destNat: 1 << 5,
} as const;

/** Whether a TCP connection has ended and only its entry is left: TIME_WAIT, CLOSE. */
export function hasEnded({ tcpState }: Flow): boolean {
  return tcpState === 7 || tcpState === 8;
}

// linux/netfilter/nfnetlink_conntrack.h
const subsystem = 1 << 8; // NFNL_SUBSYS_CTNETLINK
const types = { new: subsystem | 0, get: subsystem | 1, delete: subsystem | 2 } as const;
const cta = {
  original: 1,
  reply: 2,
  status: 3,
  protocolInfo: 4,
  timeout: 7,
  mark: 8,
  id: 12,
  zone: 18,
  timestamp: 20,
  markMask: 21,
} as const;
const ctaProtocolInfo = { tcp: 1, tcpState: 1 } as const;
const ctaTimestamp = { start: 1 } as const; // nanoseconds since the epoch, 64 bits, big-endian
const ctaTuple = { ip: 1, protocol: 2, zone: 3 } as const;
const ctaIp = { source4: 1, destination4: 2, source6: 3, destination6: 4 } as const;
const ctaProto = {
  number: 1,
  source: 2,
  destination: 3,
  icmp: { id: 4, type: 5, code: 6 },
  icmp6: { id: 7, type: 8, code: 9 },
} as const;

/** struct nfgenmsg: u8 family, u8 version 0, u16 resource id. */
const head = 4;
const families = { any: 0, inet: 2, inet6: 10 } as const;

/**
 * Every conntrack entry of our namespace that `wanted` takes, both families. Blocks while it reads: about 8 µs an entry.
 *
 * @throws NetlinkError
 */
export function listFlows(netlink: Netlink, wanted: (flow: Flow) => boolean): readonly Flow[] {
  const payload = Buffer.from([families.any, 0, 0, 0]);
  return netlink.dump({ type: types.get, payload }, (message) => {
    const flow = message.type === types.new ? decodeFlow(message.payload) : undefined;
    return flow !== undefined && wanted(flow) ? flow : undefined;
  });
}

/**
 * Deletes one entry, and no other that took its place meanwhile.
 *
 * @returns false when it was gone already
 * @throws NetlinkError
 */
export function deleteFlow(netlink: Netlink, flow: Flow): boolean {
  return askOf(netlink, types.delete, flow, attribute(cta.id, u32be(flow.id)));
}

/**
 * Sets or clears one bit of an entry's mark; the other bits stay as they are at that moment (net/netfilter/nf_conntrack_netlink.c,
 * ctnetlink_change_mark). The kernel finds the entry by its tuple: it may be another one than was read.
 *
 * @param bit a single bit of the 32
 * @returns false when there is none any more
 * @throws NetlinkError
 */
export function markFlow(netlink: Netlink, flow: Flow, bit: number, to: 'set' | 'clear'): boolean {
  const mark = attribute(cta.mark, u32be(to === 'set' ? bit : 0));
  return askOf(netlink, types.new, flow, mark, attribute(cta.markMask, u32be(bit)));
}

/** @returns false when the kernel has no such entry */
function askOf(netlink: Netlink, type: number, flow: Flow, ...attributes: readonly Buffer[]): boolean {
  const family = flow.original.source.family === 4 ? families.inet : families.inet6;
  const parts = [
    Buffer.from([family, 0, 0, 0]),
    encodeTuple(cta.original, flow.original),
    ...attributes,
    ...(flow.zone === 0 ? [] : [attribute(cta.zone, u16be(flow.zone))]),
  ];
  try {
    netlink.ask({ type, payload: Buffer.concat(parts) });
    return true;
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === errnos.ENOENT) return false;
    throw error;
  }
}

/**
 * Reads the payload of an IPCTNL_MSG_CT_NEW.
 *
 * @returns undefined for families other than IPv4 and IPv6
 * @throws NetlinkError `malformed`
 */
export function decodeFlow(payload: Buffer): Flow | undefined {
  if (payload.length < head) throw new NetlinkError('malformed', `a conntrack entry of ${payload.length} bytes`);
  const family = payload.readUInt8(0);
  if (family !== families.inet && family !== families.inet6) return undefined;
  const attributes = decodeAttributes(payload.subarray(head));
  const began = decodeStart(attributes.get(cta.timestamp));
  const tcpState = decodeTcpState(attributes.get(cta.protocolInfo));
  return {
    id: readU32be(attributes.get(cta.id)) ?? 0,
    zone: readU16be(attributes.get(cta.zone)) ?? 0,
    original: decodeTuple(attributes.get(cta.original)),
    reply: decodeTuple(attributes.get(cta.reply)),
    status: readU32be(attributes.get(cta.status)) ?? 0,
    mark: readU32be(attributes.get(cta.mark)) ?? 0,
    timeout: readU32be(attributes.get(cta.timeout)) ?? null,
    ...(began === null ? {} : { began }),
    ...(tcpState === undefined ? {} : { tcpState }),
  };
}

function decodeTcpState(info: Buffer | undefined): number | undefined {
  const tcp = info === undefined ? undefined : decodeAttributes(info).get(ctaProtocolInfo.tcp);
  return tcp === undefined ? undefined : readU8(decodeAttributes(tcp).get(ctaProtocolInfo.tcpState));
}

function decodeStart(timestamp: Buffer | undefined): number | null {
  const start = timestamp === undefined ? undefined : decodeAttributes(timestamp).get(ctaTimestamp.start);
  return start?.length === 8 ? Number(start.readBigUInt64BE() / 1_000_000n) : null;
}

function decodeTuple(payload: Buffer | undefined): Tuple {
  const outer = decodeAttributes(payload ?? Buffer.alloc(0));
  const ip = decodeAttributes(outer.get(ctaTuple.ip) ?? Buffer.alloc(0));
  const proto = decodeAttributes(outer.get(ctaTuple.protocol) ?? Buffer.alloc(0));
  const source = ip.get(ctaIp.source4) ?? ip.get(ctaIp.source6);
  const destination = ip.get(ctaIp.destination4) ?? ip.get(ctaIp.destination6);
  const protocol = readU8(proto.get(ctaProto.number));
  if (!isIp(source) || destination?.length !== source.length || protocol === undefined)
    throw new NetlinkError('malformed', 'a conntrack tuple without addresses or protocol');
  return {
    source: decodeIp(source),
    destination: decodeIp(destination),
    protocol,
    detail: decodeDetail(proto),
    zone: readU16be(outer.get(ctaTuple.zone)) ?? 0,
  };
}

function isIp(bytes: Buffer | undefined): bytes is Buffer {
  return bytes?.length === 4 || bytes?.length === 16;
}

function decodeDetail(proto: ReadonlyMap<number, Buffer>): TupleDetail {
  const source = readU16be(proto.get(ctaProto.source));
  const destination = readU16be(proto.get(ctaProto.destination));
  if (source !== undefined && destination !== undefined) return { kind: 'ports', source, destination };
  for (const names of [ctaProto.icmp, ctaProto.icmp6]) {
    const id = readU16be(proto.get(names.id));
    const type = readU8(proto.get(names.type));
    const code = readU8(proto.get(names.code));
    if (id !== undefined && type !== undefined && code !== undefined) return { kind: 'icmp', id, type, code };
  }
  return { kind: 'none' };
}

/** A tuple as the nested attribute `type`. */
export function encodeTuple(type: number, tuple: Tuple): Buffer {
  const v4 = tuple.source.family === 4;
  const ip = nest(
    ctaTuple.ip,
    attribute(v4 ? ctaIp.source4 : ctaIp.source6, encodeIp(tuple.source)),
    attribute(v4 ? ctaIp.destination4 : ctaIp.destination6, encodeIp(tuple.destination)),
  );
  return nest(
    type,
    ip,
    nest(ctaTuple.protocol, attribute(ctaProto.number, u8(tuple.protocol)), ...encodeDetail(v4, tuple.detail)),
    ...(tuple.zone === 0 ? [] : [attribute(ctaTuple.zone, u16be(tuple.zone))]),
  );
}

function encodeDetail(v4: boolean, detail: TupleDetail): readonly Buffer[] {
  if (detail.kind === 'none') return [];
  if (detail.kind === 'ports')
    return [
      attribute(ctaProto.source, u16be(detail.source)),
      attribute(ctaProto.destination, u16be(detail.destination)),
    ];
  const names = v4 ? ctaProto.icmp : ctaProto.icmp6;
  return [
    attribute(names.id, u16be(detail.id)),
    attribute(names.type, u8(detail.type)),
    attribute(names.code, u8(detail.code)),
  ];
}

/** The 4 or 16 bytes of an address in network order. */
export function encodeIp({ family, value }: Address): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex');
}
