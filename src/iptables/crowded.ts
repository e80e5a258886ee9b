import type { Address } from '../ip/address.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { mostInterfaces } from './sets.ts';

/**
 * A ruleset in which no address is on more bridges than a set takes of one address. What is on more is nobody's, as is an
 * address that two on one bridge have: link-local ones alone come so far, when many containers are given one MAC, and
 * refusing them would keep everybody's rules from being held.
 */
export function withoutCrowds(ruleset: Ruleset): Ruleset {
  const bridges = new Map<string, Set<number>>();
  for (const { bridge, addresses } of ruleset.endpoints)
    for (const address of addresses) {
      const known = bridges.get(keyOf(address)) ?? new Set();
      bridges.set(keyOf(address), known.add(bridge.index));
    }
  const isCrowded = (address: Address) => (bridges.get(keyOf(address))?.size ?? 0) > mostInterfaces;
  if (![...bridges.values()].some(({ size }) => size > mostInterfaces)) return ruleset;
  return {
    ...ruleset,
    endpoints: ruleset.endpoints.map((endpoint) =>
      endpoint.addresses.some(isCrowded)
        ? { ...endpoint, addresses: endpoint.addresses.filter((address) => !isCrowded(address)) }
        : endpoint,
    ),
    groups: ruleset.groups.map((group) =>
      group.members.some(({ address }) => isCrowded(address))
        ? { ...group, members: group.members.filter(({ address }) => !isCrowded(address)) }
        : group,
    ),
  };
}

const keyOf = ({ family, value }: Address): string => `${family} ${value}`;
