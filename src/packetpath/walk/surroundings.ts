import { type Address, isLinkLocal } from '../../ip/address.ts';
import { type Prefix, prefixInterval } from '../../ip/prefix.ts';
import type { Interface, Packet, Span } from './packet.ts';

/** What a packet's way depends on beside the rules. What is not known of it is null, and then the answer says so. */
export interface Surroundings {
  readonly interfaces: readonly HostInterface[];
  readonly routes: readonly Route[];
  /** Whether `ip rule` has more than the three rules it always has: then the main table does not say it all. */
  readonly policyRouting: boolean;
  /** net.ipv4.ip_forward and net.ipv6.conf.all.forwarding. */
  readonly forwarding: { readonly 4: boolean | null; readonly 6: boolean | null };
  /**
   * Whether these are all interfaces and routes of the host. Else what lies beyond them leaves and arrives by some
   * interface that is none of them.
   */
  readonly complete: boolean;
  /** Containers whose port is known; absent: none is. */
  readonly seats?: readonly Seat[];
}

/** Behind which port of a bridge an address is. */
export interface Seat {
  readonly address: Address;
  readonly bridge: string;
  readonly port: string;
}

export interface HostInterface {
  readonly name: string;
  /** rtnl_link_ops: `bridge`, `veth`; null for hardware and where it is not known. */
  readonly kind: string | null;
  /** The bridge it is a port of. */
  readonly master: string | null;
  readonly addresses: readonly { readonly address: Address; readonly length: number }[];
  /** Of bridges: whether their frames pass iptables' hooks (br_netfilter), by its own switch or the host's. */
  readonly brNetfilter: { readonly 4: boolean | null; readonly 6: boolean | null } | null;
  /** The greater of net.ipv4.conf.all.rp_filter and its own: 1 strict, 2 loose; null where it is not known. */
  readonly rpFilter: number | null;
}

export interface Route {
  readonly to: Prefix;
  readonly interface: string;
  /** Address that the host sends from there, when it may choose. */
  readonly source: Address | null;
}

/** Where routing sends a packet. */
export type Routing =
  | { readonly kind: 'local' }
  | { readonly kind: 'out'; readonly by: Interface; readonly source: Address | null }
  | { readonly kind: 'nowhere' }
  /** Both are possible: its destination is not known well enough. */
  | { readonly kind: 'uncertain'; readonly why: string };

/**
 * The main routing table's word for a destination: the longest prefix, of equal ones the first; the host's own addresses
 * before all.
 */
export function routeTo(destination: Span, family: 4 | 6, surroundings: Surroundings): Routing {
  switch (isOwn(destination, family, surroundings)) {
    case 'yes':
      return { kind: 'local' };
    case 'unknown':
      return { kind: 'uncertain', why: 'whether the destination is an address of this host is not known' };
    case 'no':
  }
  const found = surroundings.routes
    .filter(({ to }) => to.address.family === family && overlaps(prefixInterval(to), destination))
    .toSorted((a, b) => b.to.length - a.to.length);
  const [best] = found;
  if (best !== undefined && contains(prefixInterval(best.to), destination))
    return { kind: 'out', by: { kind: 'name', name: best.interface }, source: best.source };
  if (best !== undefined) return { kind: 'uncertain', why: 'routes part the addresses that it may be for' };
  if (surroundings.complete) return { kind: 'nowhere' };
  return { kind: 'out', by: elsewhere(surroundings), source: null };
}

/** Some interface that is none of those we know. */
export function elsewhere({ interfaces }: Surroundings): Interface {
  return { kind: 'other-than', names: interfaces.map(({ name }) => name) };
}

/** Whether an address is the host's own; loopback is everybody's own (RFC 1122 section 3.2.1.3). */
export function isOwn(span: Span, family: 4 | 6, surroundings: Surroundings): 'yes' | 'no' | 'unknown' {
  const loopback = loopbacks[family];
  if (contains(loopback, span)) return 'yes';
  const own = surroundings.interfaces.flatMap(({ addresses }) =>
    addresses.filter(({ address }) => address.family === family).map(({ address }) => address.value),
  );
  if (span.low === span.high) {
    if (own.includes(span.low)) return 'yes';
    return 'no';
  }
  if (overlaps(loopback, span)) return 'unknown';
  return own.some((value) => value >= span.low && value <= span.high) ? 'unknown' : 'no';
}

const loopbacks = {
  4: { low: 0x7f00_0000n, high: 0x7fff_ffffn },
  6: { low: 1n, high: 1n },
} as const;

/** Whether all of a span is loopback: 127.0.0.0/8 (RFC 1122 3.2.1.3), ::1 (RFC 4291 2.5.3). */
export function isLoopback(span: Span, family: 4 | 6): boolean {
  return contains(loopbacks[family], span);
}

/** Whether all of a span is multicast: 224.0.0.0/4 (RFC 5771), ff00::/8 (RFC 4291 2.7). */
export function isMulticast({ low, high }: Span, family: 4 | 6): boolean {
  return family === 4 ? low >> 28n === 0xen && high >> 28n === 0xen : low >> 120n === 0xffn && high >> 120n === 0xffn;
}

/** Whether an address is the broadcast address of one of the host's networks, or the limited one (RFC 919). */
export function isBroadcast(span: Span, family: 4 | 6, { interfaces }: Surroundings): boolean {
  if (family === 6 || span.low !== span.high) return false;
  if (span.low === 0xffff_ffffn) return true;
  return interfaces.some(({ addresses }) =>
    addresses.some(
      ({ address, length }) =>
        address.family === 4 && length < 31 && (address.value | (0xffff_ffffn >> BigInt(length))) === span.low,
    ),
  );
}

/** The port by which a frame for a destination leaves a bridge: where a container is known to be, else one of the others. */
export function portTowards(
  destination: Span,
  family: 4 | 6,
  { bridge, not }: { readonly bridge: string; readonly not: string },
  { seats }: Surroundings,
): Interface {
  const isAt = (seat: Seat) =>
    seat.bridge === bridge && seat.address.family === family && contains(exactlyAt(seat.address), destination);
  const seat = seats?.find(isAt);
  return seat === undefined ? { kind: 'other-than', names: [not] } : { kind: 'name', name: seat.port };
}

const exactlyAt = ({ value }: Address): Span => ({ low: value, high: value });

/** The host's interface of that name; undefined where it has none. */
export function interfaceNamed(name: string, { interfaces }: Surroundings): HostInterface | undefined {
  return interfaces.find((one) => one.name === name);
}

/** The address that packets get that leave by an interface and are masqueraded; null when it is not known. */
export function addressOn(name: string, family: 4 | 6, surroundings: Surroundings): Address | null {
  const found = interfaceNamed(name, surroundings)?.addresses.find(
    ({ address }) => address.family === family && !isLinkLocal(address),
  );
  return found?.address ?? null;
}

/** Whether rp_filter (strict) drops it: the way back to its source is by another interface. RFC 3704 section 2.2. */
export function failsReversePath(packet: Packet, surroundings: Surroundings): boolean {
  if (packet.in?.kind !== 'name' || packet.family === 6) return false;
  if (interfaceNamed(packet.in.name, surroundings)?.rpFilter !== 1) return false;
  const back = routeTo(packet.source, packet.family, surroundings);
  if (back.kind === 'nowhere') return true;
  return back.kind === 'out' && back.by.kind === 'name' && back.by.name !== packet.in.name;
}

/** Whether all of `inner` lies in `outer`. */
export function contains(outer: Span, inner: Span): boolean {
  return outer.low <= inner.low && inner.high <= outer.high;
}

/** Whether two spans have a value in common. */
export function overlaps(a: Span, b: Span): boolean {
  return a.low <= b.high && b.low <= a.high;
}
