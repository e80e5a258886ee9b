import type { Address } from '../../ip/address.ts';
import { setIncludes, setOfPrefixes } from '../../ip/address-set.ts';
import type { WorldIndex } from '../../ruleset/world-index.ts';
import type { Container, Network } from '../../world/world.ts';

/** What an address is on this host. Only what is elsewhere can be allowed by its address. */
export type Place =
  | { readonly kind: 'container'; readonly container: Container }
  | { readonly kind: 'host' }
  /** The directed broadcast of a subnet (RFC 919, RFC 922). */
  | { readonly kind: 'broadcast' }
  /** Among the addresses of neighbours, and nobody has it; the network is undefined for a link-local one. */
  | { readonly kind: 'vacant'; readonly network: Network | undefined }
  | { readonly kind: 'elsewhere' };

/** What an address is, the most particular first: a container's, the host's own, a broadcast, free among neighbours. */
export function placeOf(address: Address, index: WorldIndex): Place {
  const container = index.containers.find((one) => setIncludes(index.addressesOf(one), address));
  if (container !== undefined) return { kind: 'container', container };
  if (setIncludes(index.hostAddresses, address)) return { kind: 'host' };
  if (setIncludes(index.broadcasts, address)) return { kind: 'broadcast' };
  if (!setIncludes(index.containerSpace, address)) return { kind: 'elsewhere' };
  const network = index.world.networks.find(({ subnets }) => setIncludes(setOfPrefixes(subnets), address));
  return { kind: 'vacant', network };
}
