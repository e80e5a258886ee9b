import { formatAddress, isLinkLocal } from '../ip/address.ts';
import type { Link } from '../netlink/link.ts';
import type { InterfaceAddress } from '../netlink/route.ts';
import { isInterfaceName } from '../world/names.ts';
import type { HostAddress } from '../world/world.ts';

/** The host's bridges, sorted by name; one whose name no rule can carry is not among them. */
export function bridgeNames(links: readonly Link[]): readonly string[] {
  return links.flatMap(({ kind, name }) => (kind === 'bridge' && isInterfaceName(name) ? [name] : [])).toSorted();
}

/**
 * Every address of the host with its interface's name, sorted by interface and address. Not the IPv6 link-local ones of
 * veths that are ports of a bridge: what arrives there arrives on the bridge, where nobody answers to them
 * (RFC 4007: they mean that link alone), and there is another with every container.
 */
export function hostAddresses(links: readonly Link[], addresses: readonly InterfaceAddress[]): readonly HostAddress[] {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  return addresses
    .flatMap(({ index, address, length }) => {
      const link = byIndex.get(index); // an interface that came or went between the two lists has none
      if (link === undefined) return [];
      const isPorts = link.kind === 'veth' && link.master !== null && isLinkLocal(address);
      return isPorts ? [] : [{ interface: link.name, address, length }];
    })
    .map((entry) => ({ entry, key: `${entry.interface}\0${formatAddress(entry.address)}` }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ entry }) => entry);
}
