import type { Address } from '../ip/address.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { mostInterfaces } from './sets.ts';

/**
 * A ruleset in which no address is on more bridges than a set takes of one address. What is on more is nobody's, as is an
 * address that two on one bridge have: link-local ones alone come so far, when many containers are given one MAC, and
 * refusing them would keep everybody's rules from being held.
 */
export function withoutCrowds(ruleset: Ruleset): Ruleset {
  const crowds = crowdedAddresses(ruleset);
  if (crowds.length === 0) return ruleset;
  const keys = new Set(crowds.map(({ address }) => keyOf(address)));
  const isCrowded = (address: Address) => keys.has(keyOf(address));
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

/** Addresses that are on more bridges than a set takes of one, and on how many; in the order of the endpoints. */
export function crowdedAddresses({
  endpoints,
}: Pick<Ruleset, 'endpoints'>): readonly { readonly address: Address; readonly bridges: number }[] {
  const found = new Map<string, { readonly address: Address; readonly bridges: Set<number> }>();
  for (const { bridge, addresses } of endpoints)
    for (const address of addresses) {
      const key = keyOf(address);
      const known = found.get(key);
      if (known === undefined) found.set(key, { address, bridges: new Set([bridge.index]) });
      else known.bridges.add(bridge.index);
    }
  return [...found.values()]
    .filter(({ bridges }) => bridges.size > mostInterfaces)
    .map(({ address, bridges }) => ({ address, bridges: bridges.size }));
}

const keyOf = ({ family, value }: Address): string => `${family} ${value}`;
