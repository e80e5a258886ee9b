import type { Family } from '../ip/address.ts';
import { everyPort, hasPorts, type L4, type L4Match, type PortRange, protocolNumbers } from '../ip/protocol.ts';
import type { Field, Statement } from './model.ts';
import type { SharedSets } from './shared-sets.ts';
import { inSet, is, range } from './statements.ts';

/** The protocol number that an entry means on a family: ICMP is 1 on IPv4 and 58 on IPv6. */
export function protocolOn(l4: L4, family: Family): number {
  if (l4.protocol !== 'icmp') return l4.protocol;
  return family === 4 ? protocolNumbers.icmp : protocolNumbers.icmpv6;
}

/** Whether a range leaves no port out, so that nothing need be asked of the port. */
export function hasEveryPort(ports: PortRange): boolean {
  return ports.low === everyPort.low && ports.high === everyPort.high;
}

/**
 * The ways to write a layer 4 match: any of the returned lists of statements matches, one for each protocol.
 *
 * @param port which field holds the destination port: the packet's, or the one before DNAT
 */
export function layer4Matches(
  l4: L4Match,
  family: Family,
  port: Field,
  shared: SharedSets,
): readonly (readonly Statement[])[] {
  if (l4 === 'any') return [[]];
  const whole = new Set<number>();
  const ports = new Map<number, PortRange[]>();
  for (const entry of l4) {
    const protocol = protocolOn(entry, family);
    if (!hasPorts(protocol) || hasEveryPort(entry.ports)) whole.add(protocol);
    else ports.set(protocol, [...(ports.get(protocol) ?? []), entry.ports]);
  }
  const byNumber = (a: number, b: number) => a - b;
  const matches: (readonly Statement[])[] = [];
  for (const protocol of [...whole].toSorted(byNumber)) matches.push([is('meta l4proto', protocol)]);
  for (const protocol of [...ports.keys()].toSorted(byNumber)) {
    if (whole.has(protocol)) continue;
    const ranges = mergeRanges(ports.get(protocol) ?? []);
    matches.push([is('meta l4proto', protocol), portMatch(port, ranges, shared)]);
  }
  return matches;
}

function portMatch(port: Field, ranges: readonly PortRange[], shared: SharedSets): Statement {
  const [only, ...more] = ranges;
  if (only === undefined || more.length > 0) return inSet(shared.ports(ranges), port);
  return is(port, range(only.low, only.high));
}

/** Sorted port ranges that neither overlap nor touch: nft refuses overlapping ones. */
export function mergeRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const merged: { low: number; high: number }[] = [];
  for (const { low, high } of ranges.toSorted((a, b) => a.low - b.low)) {
    const last = merged.at(-1);
    if (last !== undefined && low <= last.high + 1) last.high = Math.max(last.high, high);
    else merged.push({ low, high });
  }
  return merged;
}
