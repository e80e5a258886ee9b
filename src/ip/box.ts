import type { Family } from './address.ts';
import { type AddressSet, ofFamily } from './address-set.ts';
import type { Interval } from './interval.ts';
import { everyPort, type L4Match, protocolNumbers } from './protocol.ts';

/**
 * A block of first packets: every combination of a destination address, an IP protocol number (0–255) and a destination
 * port (0–65535) from three closed intervals. Lists of boxes are unions; they may overlap unless a function says so.
 */
export interface Box {
  readonly family: Family;
  readonly addresses: Interval;
  readonly protocols: Interval<number>;
  readonly ports: Interval<number>;
}

const everyProtocol: Interval<number> = { low: 0, high: 255 };

/** The packets to a set of addresses with a layer 4 match: `icmp` is protocol 1 on IPv4 and 58 on IPv6 (RFC 4443). */
export function boxesOf(set: AddressSet, l4: L4Match): readonly Box[] {
  return ([4, 6] as const).flatMap((family) =>
    ofFamily(set, family).flatMap((addresses) => shapes(family, l4).map((shape) => ({ family, addresses, ...shape }))),
  );
}

function shapes(family: Family, l4: L4Match): readonly Pick<Box, 'protocols' | 'ports'>[] {
  if (l4 === 'any') return [{ protocols: everyProtocol, ports: everyPort }];
  return l4.map(({ protocol, ports }) => {
    const number = protocol === 'icmp' ? icmpOf(family) : protocol;
    return { protocols: { low: number, high: number }, ports };
  });
}

/** The number that `icmp` stands for on a family. */
export function icmpOf(family: Family): number {
  return family === 4 ? protocolNumbers.icmp : protocolNumbers.icmpv6;
}

/** What is in both lists. Disjoint when both lists are. */
export function intersectBoxes(a: readonly Box[], b: readonly Box[]): readonly Box[] {
  return a.flatMap((left) =>
    b.flatMap((right) => {
      const box = intersection(left, right);
      return box === undefined ? [] : [box];
    }),
  );
}

/** What is in `a` and in no box of `b`. Disjoint when `a` is. */
export function subtractBoxes(a: readonly Box[], b: readonly Box[]): readonly Box[] {
  return b.reduce<readonly Box[]>((left, cut) => left.flatMap((box) => without(box, cut)), a);
}

/** What is in either list, as disjoint boxes. */
export function uniteBoxes(...lists: readonly (readonly Box[])[]): readonly Box[] {
  const result: Box[] = [];
  for (const box of lists.flat()) result.push(...subtractBoxes([box], result));
  return result;
}

/** Whether every packet of `b` is in `a`. */
export function coversBoxes(a: readonly Box[], b: readonly Box[]): boolean {
  return b.every((box) => subtractBoxes([box], a).length === 0);
}

function intersection(a: Box, b: Box): Box | undefined {
  if (a.family !== b.family) return undefined;
  const low = a.addresses.low > b.addresses.low ? a.addresses.low : b.addresses.low;
  const high = a.addresses.high < b.addresses.high ? a.addresses.high : b.addresses.high;
  if (low > high) return undefined;
  const protocols = overlap(a.protocols, b.protocols);
  const ports = overlap(a.ports, b.ports);
  if (protocols === undefined || ports === undefined) return undefined;
  return { family: a.family, addresses: { low, high }, protocols, ports };
}

function overlap(a: Interval<number>, b: Interval<number>): Interval<number> | undefined {
  const low = Math.max(a.low, b.low);
  const high = Math.min(a.high, b.high);
  return low > high ? undefined : { low, high };
}

/** Up to six disjoint boxes around the cut: below and above it by address, then by protocol, then by port. */
function without(box: Box, cut: Box): readonly Box[] {
  const hole = intersection(box, cut);
  if (hole === undefined) return [box];
  const parts: Box[] = [];
  const { addresses, protocols, ports } = box;
  if (addresses.low < hole.addresses.low)
    parts.push({ ...box, addresses: { low: addresses.low, high: hole.addresses.low - 1n } });
  if (addresses.high > hole.addresses.high)
    parts.push({ ...box, addresses: { low: hole.addresses.high + 1n, high: addresses.high } });
  const slab = { ...box, addresses: hole.addresses };
  for (const rest of outside(protocols, hole.protocols)) parts.push({ ...slab, protocols: rest });
  const column = { ...slab, protocols: hole.protocols };
  for (const rest of outside(ports, hole.ports)) parts.push({ ...column, ports: rest });
  return parts;
}

function outside(whole: Interval<number>, hole: Interval<number>): readonly Interval<number>[] {
  const parts: Interval<number>[] = [];
  if (whole.low < hole.low) parts.push({ low: whole.low, high: hole.low - 1 });
  if (whole.high > hole.high) parts.push({ low: hole.high + 1, high: whole.high });
  return parts;
}
