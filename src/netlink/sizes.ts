import { decodeAttributes, readText, readU32 } from './attribute.ts';
import { NetlinkError } from './error.ts';
import { linkAttributes, linkHead } from './link.ts';
import { families, types as linkTypes } from './route.ts';
import { routeAttributes as attributes, routeHead, types } from './routes.ts';
import type { Netlink } from './socket.ts';

/** An interface by its index, with the most bytes that an IP packet may have there. */
export interface InterfaceSize {
  readonly index: number;
  readonly name: string;
  readonly mtu: number;
}

/** Where an IPv4 route of some table leads, and the most bytes it takes itself (`ip route … mtu`); null: it does not say. */
export interface WayOut {
  /** Index of the interface. */
  readonly out: number;
  readonly mtu: number | null;
}

/** linux/if_link.h, IFLA_MTU; linux/rtnetlink.h, RTAX_MTU. */
const mtuOfLink = 4;
const mtuOfRoute = 2;
const localTable = 255;
const unicast = 1;
/** struct rtnexthop: u16 length, u8 flags, u8 hops, i32 interface; then attributes. */
const hopHead = 8;

/**
 * Every interface of our namespace with its MTU.
 *
 * @throws NetlinkError
 */
export function listSizes(netlink: Netlink): readonly InterfaceSize[] {
  const request = { type: linkTypes.getLink, payload: Buffer.alloc(linkHead) };
  return netlink.dump(request, ({ type, payload }) => (type === linkTypes.newLink ? decodeSize(payload) : undefined));
}

/**
 * Where IPv4 routes lead, those of every table: `ip rule` may send packets to any of them. Not the host's own addresses.
 *
 * @throws NetlinkError
 */
export function listWaysOut(netlink: Netlink): readonly WayOut[] {
  const payload = Buffer.alloc(routeHead);
  payload.writeUInt8(families.inet, 0);
  const lists = netlink.dump({ type: types.getRoute, payload }, (message) =>
    message.type === types.newRoute ? decodeWays(message.payload) : undefined,
  );
  return lists.flat();
}

/**
 * Reads the payload of an RTM_NEWLINK.
 *
 * @throws NetlinkError `malformed`
 */
export function decodeSize(payload: Buffer): InterfaceSize {
  if (payload.length < linkHead) throw new NetlinkError('malformed', `a link of ${payload.length} bytes`);
  const found = decodeAttributes(payload.subarray(linkHead));
  const [name, mtu] = [readText(found.get(linkAttributes.name)), readU32(found.get(mtuOfLink))];
  if (name === undefined || mtu === undefined) throw new NetlinkError('malformed', 'a link without a name or an MTU');
  return { index: payload.readInt32LE(4), name, mtu };
}

/**
 * Reads the payload of an RTM_NEWROUTE: one way, or several at once.
 *
 * @throws NetlinkError `malformed`
 */
export function decodeWays(payload: Buffer): readonly WayOut[] {
  if (payload.length < routeHead) throw new NetlinkError('malformed', `a route of ${payload.length} bytes`);
  const found = decodeAttributes(payload.subarray(routeHead));
  const table = readU32(found.get(attributes.table)) ?? payload.readUInt8(4);
  if (table === localTable || payload.readUInt8(7) !== unicast) return [];
  const metrics = found.get(attributes.metrics);
  const mtu = metrics === undefined ? null : (readU32(decodeAttributes(metrics).get(mtuOfRoute)) ?? null);
  const one = readU32(found.get(attributes.out));
  const several = found.get(attributes.multipath);
  const outs = [...(one === undefined ? [] : [one]), ...(several === undefined ? [] : hopsOf(several))];
  return outs.map((out) => ({ out, mtu: mtu === 0 ? null : mtu }));
}

function hopsOf(bytes: Buffer): readonly number[] {
  const outs: number[] = [];
  for (let at = 0; at + hopHead <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < hopHead || at + length > bytes.length)
      throw new NetlinkError('malformed', `a hop of ${length} bytes where ${bytes.length - at} are left`);
    outs.push(bytes.readInt32LE(at + 4));
    at += (length + 3) & ~3;
  }
  return outs;
}
