import { type Address, addressOf } from '../ip/address.ts';
import { attribute, decodeAttributes, nest, readI32, text, u8, u16, u32 } from './attribute.ts';
import { errnos, NetlinkError } from './error.ts';
import { type BridgeCalls, bridgeOptions, decodeLink, type Link, linkAttributes, linkHead } from './link.ts';
import type { Netlink } from './socket.ts';

/** An address of an interface. */
export interface InterfaceAddress {
  /** Index of the interface. */
  readonly index: number;
  readonly address: Address;
  /** Prefix length, bits. */
  readonly length: number;
}

/** linux/rtnetlink.h */
export const types = { newLink: 16, getLink: 18, newAddress: 20, getAddress: 22, newNetns: 88, getNetns: 90 } as const;
export const families = { unspecified: 0, inet: 2, inet6: 10 } as const;
const skipStatistics = 1 << 3; // RTEXT_FILTER_SKIP_STATS: we read none

/** Which links are meant: the ports of one bridge, or those of a kind such as `bridge`. */
export type LinkFilter = { readonly master: number } | { readonly kind: string };

/** Whether the filter means this link. */
export function isMeant(link: Link, only: LinkFilter): boolean {
  return 'master' in only ? link.master === only.master : link.kind === only.kind;
}

/**
 * Every interface of our namespace, or those of them that are meant, which the kernel picks itself (Linux 4.20; older
 * ones list them all).
 *
 * @throws NetlinkError
 */
export function listLinks(netlink: Netlink, only?: LinkFilter): readonly Link[] {
  const mask = attribute(linkAttributes.extendedMask, u32(skipStatistics));
  const request = {
    type: types.getLink,
    payload: Buffer.concat([Buffer.alloc(linkHead), mask, ...(only === undefined ? [] : [filterOf(only)])]),
  };
  const links = netlink.dump(request, ({ type, payload }) =>
    type === types.newLink ? decodeLink(payload) : undefined,
  );
  return only === undefined ? links : links.filter((link) => isMeant(link, only));
}

function filterOf(only: LinkFilter): Buffer {
  if ('master' in only) return attribute(linkAttributes.master, u32(only.master));
  return nest(linkAttributes.info, attribute(linkAttributes.infoKind, text(only.kind)));
}

/**
 * Every address of every interface of our namespace, both families.
 *
 * @throws NetlinkError
 */
export function listAddresses(netlink: Netlink): readonly InterfaceAddress[] {
  const request = { type: types.getAddress, payload: Buffer.alloc(addressHead) };
  return netlink.dump(request, ({ type, payload }) => (type === types.newAddress ? decodeAddress(payload) : undefined));
}

/** struct ifaddrmsg: u8 family, prefix length, flags, scope; u32 index. */
export const addressHead = 8;

/**
 * Reads the payload of an RTM_NEWADDR.
 *
 * @returns undefined for families other than IPv4 and IPv6
 * @throws NetlinkError `malformed`
 */
export function decodeAddress(payload: Buffer): InterfaceAddress | undefined {
  if (payload.length < addressHead) throw new NetlinkError('malformed', `an address of ${payload.length} bytes`);
  const attributes = decodeAttributes(payload.subarray(addressHead));
  const family = payload.readUInt8(0);
  if (family !== families.inet && family !== families.inet6) return undefined;
  // IFA_LOCAL is the interface's own where IFA_ADDRESS is the far end of a point-to-point link
  const bytes = attributes.get(2) ?? attributes.get(1);
  const length = payload.readUInt8(1);
  if (bytes?.length !== (family === families.inet ? 4 : 16) || length > bytes.length * 8)
    throw new NetlinkError('malformed', 'an interface address of the wrong size');
  return { index: payload.readUInt32LE(4), address: decodeIp(bytes), length };
}

/** An address from its 4 or 16 bytes in network order. */
export function decodeIp(bytes: Buffer): Address {
  return addressOf(bytes.length === 4 ? 4 : 6, BigInt(`0x${bytes.toString('hex')}`));
}

/**
 * The id our namespace knows another one by: the network namespace of a process. Ids are given when somebody asks for
 * one or a link's peer is listed there, so list links first.
 *
 * @param pid as our own PID namespace numbers it
 * @returns null when the process is gone, or its namespace has no id here (our own among them)
 * @throws NetlinkError
 */
export function netnsIdOf(netlink: Netlink, pid: number): number | null {
  // struct rtgenmsg is one byte, padded to four; NETNSA_NSID 1, NETNSA_PID 2
  const payload = Buffer.concat([Buffer.alloc(4), attribute(2, u32(pid))]);
  try {
    const answer = netlink.ask({ type: types.getNetns, payload }).find(({ type }) => type === types.newNetns);
    if (answer === undefined || answer.payload.length < 4) throw new NetlinkError('malformed', 'no namespace id came');
    const id = readI32(decodeAttributes(answer.payload.subarray(4)).get(1)) ?? -1;
    return id < 0 ? null : id;
  } catch (error) {
    if (error instanceof NetlinkError && (error.errno === errnos.ESRCH || error.errno === errnos.ENOENT)) return null;
    throw error;
  }
}

/**
 * Sets a bridge's own nf_call_iptables, nf_call_ip6tables and, where given, no_linklocal_learn and group_fwd_mask, as writing to its folder
 * in sysfs does, in the namespace we are in whatever /sys shows.
 *
 * @param index the bridge, which must be one
 * @throws NetlinkError
 */
export function setBridgeCalls(netlink: Netlink, index: number, calls: BridgeCalls): void {
  const head = Buffer.alloc(linkHead);
  head.writeInt32LE(index, 4);
  const data = nest(
    linkAttributes.infoData,
    ...(calls.forwardedGroups === undefined
      ? []
      : [attribute(linkAttributes.forwardedGroups, u16(calls.forwardedGroups))]),
    attribute(linkAttributes.bridgeCallIp, u8(calls.ip ? 1 : 0)),
    attribute(linkAttributes.bridgeCallIp6, u8(calls.ip6 ? 1 : 0)),
    ...(calls.learnsLinkLocal === undefined ? [] : [learning(calls.learnsLinkLocal)]),
  );
  const info = nest(linkAttributes.info, attribute(linkAttributes.infoKind, text('bridge')), data);
  netlink.ask({ type: types.newLink, payload: Buffer.concat([head, info]) });
}

function learning(linkLocal: boolean): Buffer {
  const bit = bridgeOptions.noLinkLocalLearning;
  return attribute(linkAttributes.bridgeOptions, Buffer.concat([u32(linkLocal ? 0 : bit), u32(bit)]));
}
