import { formatAddress } from '../ip/address.ts';
import type { Link } from '../netlink/link.ts';
import type { InterfaceAddress } from '../netlink/route.ts';
import { isInterfaceName } from '../world/names.ts';
import type { HostAddress } from '../world/world.ts';

/** The host's bridges, sorted by name; one whose name no rule can carry is not among them. */
export function bridgeNames(links: readonly Link[]): readonly string[] {
  return links.flatMap(({ kind, name }) => (kind === 'bridge' && isInterfaceName(name) ? [name] : [])).toSorted();
}

/** Every address of the host with its interface's name, sorted by interface and address. */
export function hostAddresses(links: readonly Link[], addresses: readonly InterfaceAddress[]): readonly HostAddress[] {
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return addresses
    .flatMap(({ index, address, length }) => {
      const name = names.get(index); // an interface that came or went between the two lists has none
      return name === undefined ? [] : [{ interface: name, address, length }];
    })
    .map((entry) => ({ entry, key: `${entry.interface}\0${formatAddress(entry.address)}` }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ entry }) => entry);
}
