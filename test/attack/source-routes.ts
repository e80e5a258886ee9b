import { setTimeout as sleep } from 'node:timers/promises';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { gatewayOf, seatOf } from '../packets/forging.ts';
import { behind, withOptions } from './strange-packets.ts';

/** Lets the host go by source routes and segments, as its kernel does where all and the interface are set (ip-sysctl). */
export async function acceptSourceRoutes(site: Site): Promise<void> {
  const interfaces = (await site.host.must(['ls', '/proc/sys/net/ipv4/conf'])).trim().split(/\s+/);
  const keys = (name: string) => [`net.ipv4.conf.${name}.accept_source_route`, `net.ipv6.conf.${name}.seg6_enabled`];
  await site.host.sysctl(Object.fromEntries(interfaces.flatMap(keys).map((key) => [key, 1])));
}

/** How the host can be asked to send on: a loose source route (RFC 791), segments of IPv6 (RFC 8754). */
export type Route = 'v4' | 'v6';
export const routes: readonly Route[] = ['v4', 'v6'];

/**
 * Whether a datagram of a container's comes to the private host that goes to the host's own card first. A router behind would have to
 * take such packets, too.
 */
export async function goesByHost(site: Site, who: string, network: string, route: Route): Promise<boolean> {
  const [self, gateway] = [await seatOf(site, who), await gatewayOf(site, network)];
  const token = freshToken();
  const ends = { from: self.mac, to: gateway.mac, src: self[route], dst: hostAddress[route] };
  const last = frames.ip(places.private[route]);
  const make = route === 'v4' ? withOptions([131, 7, 4, ...last, 0]) : behind(43, segments(last, frames.ip(ends.dst)));
  await site.host.sendFrames(who, [
    frames.ethernet({ ...ends, type: frames.etherType(ends.src) }, make({ ...ends, token })),
  ]);
  await sleep(200); // what waits for its neighbour is on its way
  return site.private.saw(token);
}

/** A segment routing header of two, the second of which is the first stop; UDP is behind it. */
const segments = (last: Uint8Array, first: Uint8Array) => [17, 4, 4, 1, 1, 0, 0, 0, ...last, ...first];
