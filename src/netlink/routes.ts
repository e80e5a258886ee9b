import type { Address } from '../ip/address.ts';
import { decodeAttributes, readU32 } from './attribute.ts';
import { NetlinkError } from './error.ts';
import { decodeIp, families } from './route.ts';
import type { Netlink } from './socket.ts';

/** A route of the main table that leads somewhere by one interface. */
export interface MainRoute {
  readonly family: 4 | 6;
  /** null: the default route. */
  readonly to: Address | null;
  /** Prefix length, bits. */
  readonly length: number;
  /** Index of the interface. */
  readonly out: number;
  /** Address that packets of the host get there. */
  readonly source: Address | null;
  /** Lower is better. */
  readonly metric: number;
}

export interface Routes {
  readonly routes: readonly MainRoute[];
  /** Whether routing is more than these: several ways at once, routes that refuse, rules of `ip rule`. */
  readonly more: boolean;
}

/** linux/rtnetlink.h */
export const types = { newRoute: 24, getRoute: 26, newRule: 32, getRule: 34 } as const;
const mainTable = 254;
const unicast = 1;
/** struct rtmsg: u8 family, dst_len, src_len, tos, table, protocol, scope, type; u32 flags. */
export const routeHead = 12;
export const routeAttributes = {
  destination: 1,
  out: 4,
  metric: 6,
  source: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
} as const;
/** Rules that every namespace has: local, main and, for IPv4, default (net/ipv4/fib_rules.c, net/ipv6/fib6_rules.c). */
const ownRules = { 4: 3, 6: 2 } as const;

/**
 * The main routing table of our namespace, both families.
 *
 * @throws NetlinkError
 */
export function listRoutes(netlink: Netlink): Routes {
  const found = ([4, 6] as const).map((family) => listFamily(netlink, family));
  return { routes: found.flatMap(({ routes }) => routes), more: found.some(({ more }) => more) };
}

function listFamily(netlink: Netlink, family: 4 | 6): Routes {
  const payload = Buffer.alloc(routeHead);
  payload.writeUInt8(family === 4 ? families.inet : families.inet6, 0);
  const read = netlink.dump({ type: types.getRoute, payload }, (message) =>
    message.type === types.newRoute ? decodeRoute(message.payload, family) : undefined,
  );
  const rules = netlink.dump({ type: types.getRule, payload }, ({ type }) =>
    type === types.newRule ? true : undefined,
  );
  const routes = read.flatMap((one) => (one === 'other' ? [] : [one]));
  return { routes, more: rules.length > ownRules[family] || routes.length < read.length };
}

/** @returns undefined for routes of other tables, `other` for those of the main one that are not plain */
function decodeRoute(payload: Buffer, family: 4 | 6): MainRoute | 'other' | undefined {
  if (payload.length < routeHead) throw new NetlinkError('malformed', `a route of ${payload.length} bytes`);
  const found = decodeAttributes(payload.subarray(routeHead));
  const table = readU32(found.get(routeAttributes.table)) ?? payload.readUInt8(4);
  if (table !== mainTable) return undefined;
  const out = readU32(found.get(routeAttributes.out));
  const length = payload.readUInt8(1);
  const type = payload.readUInt8(7);
  const destination = found.get(routeAttributes.destination);
  const source = found.get(routeAttributes.source);
  if (type !== unicast || out === undefined || payload.readUInt8(2) !== 0) return 'other';
  return {
    family,
    to: destination === undefined ? null : decodeIp(destination),
    length,
    out,
    source: source === undefined ? null : decodeIp(source),
    metric: readU32(found.get(routeAttributes.metric)) ?? 0,
  };
}
