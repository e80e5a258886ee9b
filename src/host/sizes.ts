import { listSizes, listWaysOut } from '../netlink/sizes.ts';
import { NetlinkSocket } from '../netlink/socket.ts';

/** What packets may measure. */
export interface Sizes {
  /** Most bytes of an IP packet, by interface. */
  readonly mtus: ReadonlyMap<string, number>;
  /** Interfaces that IPv4 routes lead to, with the most bytes of a packet there, which a route may make fewer. */
  readonly ways: ReadonlyMap<string, number>;
}

/**
 * What packets may measure on the host's interfaces, and by which of them IPv4 leaves: a forwarded packet that is longer
 * than its route or its interface takes is taken apart (net/ipv4/ip_output.c; net/ip.h, ip_dst_mtu_maybe_forward).
 *
 * @throws NetlinkError
 */
export function readSizes(): Sizes {
  using netlink = NetlinkSocket.open('route');
  const interfaces = listSizes(netlink);
  const byIndex = new Map(interfaces.map((one) => [one.index, one]));
  const ways = new Map<string, number>();
  for (const { out, mtu } of listWaysOut(netlink)) {
    const found = byIndex.get(out); // one that came or went between the two lists has none
    if (found !== undefined) ways.set(found.name, Math.min(ways.get(found.name) ?? Infinity, mtu ?? found.mtu));
  }
  return { mtus: new Map(interfaces.map(({ name, mtu }) => [name, mtu])), ways };
}
