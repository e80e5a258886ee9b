import type { Address } from '../ip/address.ts';
import { linkLocalOf } from './mac.ts';
import type { EndpointIdentity } from './ruleset.ts';

/**
 * Link-local addresses that tell nobody: anyone may give a container its neighbour's MAC, and both then have the address
 * that the MAC gives. Who may send to one of the two must not reach the other by it.
 *
 * @returns whether an address of an endpoint is another's on its bridge as well
 */
export function disputes(
  endpoints: readonly EndpointIdentity[],
): (endpoint: EndpointIdentity, address: Address) => boolean {
  const holders = new Map<string, number>();
  for (const endpoint of endpoints) holders.set(placeOf(endpoint), (holders.get(placeOf(endpoint)) ?? 0) + 1);
  return (endpoint, { family, value }) => {
    if ((holders.get(placeOf(endpoint)) ?? 0) < 2) return false;
    const shared = linkLocalOf(endpoint.mac);
    return shared !== undefined && shared.family === family && shared.value === value;
  };
}

const placeOf = ({ bridge, mac }: EndpointIdentity): string => `${bridge.index} ${mac}`;
