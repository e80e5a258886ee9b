import { isLinkLocal } from '../ip/address.ts';
import { type AddressSet, intersectSets, isEmptySet, setOfPrefixes, subtractSets } from '../ip/address-set.ts';
import { formatPrefix, type Prefix, prefixAround } from '../ip/prefix.ts';
import type { Network, World } from '../world/world.ts';
import type { Bridged } from './enrol.ts';
import type { RememberedNetwork } from './ruleset.ts';
import { isWithoutHost } from './world-index.ts';

/** Whether it is the name the engine gives a bridge that its network does not name (moby, libnetwork/drivers/bridge/bridge_linux.go). */
export function isEnginesOwn(bridge: string): boolean {
  return /^br-[0-9a-f]{12}$/.test(bridge);
}

/**
 * The bridges that were there and are not enrolled: the host's other bridges, and those of networks that policy has
 * nothing to do with. One that looks like the engine's and belongs to no network that it lists is being made: not known
 * yet.
 */
export function knownBridges(world: World, enrolled: readonly Bridged[]): readonly string[] {
  const listed = new Set(world.networks.flatMap(({ bridge }) => bridge?.name ?? []));
  const held = new Set(enrolled.map(({ bridge }) => bridge.name));
  const there = [...(world.host.bridges ?? []), ...listed];
  return [...new Set(there)].filter((name) => !held.has(name) && (listed.has(name) || !isEnginesOwn(name))).toSorted();
}

/**
 * The networks whose addresses belong to projects that policy names: those that are there, and those that were, while the
 * project is named and nobody else has the addresses. A network that is made anew under another bridge, before anyone
 * could enroll it, is told by them.
 *
 * Beside them the networks that named containers are or were attached to, while they exist.
 *
 * @param enrolled and those that would be, had their bridges other names
 * @param known {@link knownBridges}
 * @param attachedTo ids of the named containers that are on a network now
 * @param named ids of all of those
 */
export function heldNetworks(
  world: World,
  enrolled: readonly Network[],
  known: readonly string[],
  isNamedProject: (project: string) => boolean,
  attachedTo: (network: Network) => readonly string[],
  named: ReadonlySet<string>,
  remembered: readonly RememberedNetwork[],
): readonly RememberedNetwork[] {
  const before = new Map(remembered.flatMap((one) => (one.id === undefined ? [] : [[one.id, one] as const])));
  const there = enrolled.flatMap((network): readonly RememberedNetwork[] => {
    const { id, name } = network;
    const subnets = foundThere(network, world);
    const project = network.project !== null && isNamedProject(network.project) ? network.project : null;
    if (project !== null) return subnets.length > 0 ? [{ project, name, subnets }] : [];
    const containers = [
      ...new Set([...attachedTo(network), ...(before.get(id)?.containers ?? []).filter((one) => named.has(one))]),
    ].toSorted();
    if (containers.length > 0) return [{ project, id, name, subnets, containers }];
    return before.has(id) ? [{ project, id, name, subnets }] : [];
  });
  const taken = setOfPrefixes([...world.networks.flatMap(({ subnets }) => subnets), ...onLink(world, known)]);
  const gone = remembered
    .filter(({ project }) => project !== null && isNamedProject(project))
    .map((network) => ({ ...network, subnets: network.subnets.filter((subnet) => isFree(subnet, taken)) }))
    .filter(({ subnets }) => subnets.length > 0);
  const byKey = new Map([...gone, ...there].map((network) => [keyOf(network), network]));
  return [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, network]) => network);
}

/**
 * All subnets of networks that a named project has or had, without those that the host's other bridges are in: anyone may
 * make a network around the LAN, and where the host's card is in a bridge, that would cut off the host. Nothing opens by
 * it that choosing a subnet that policy has never met would not open as well.
 *
 * @param known {@link knownBridges}
 */
export function heldAddresses(
  networks: readonly RememberedNetwork[],
  world: World,
  known: readonly string[],
): AddressSet {
  const subnets = networks.flatMap((network) => (network.project === null ? [] : network.subnets));
  return subtractSets(setOfPrefixes(subnets), setOfPrefixes(onLink(world, known)));
}

/**
 * A network's subnets, without those that the host does not find there: what has such a source comes from elsewhere, and
 * ordinary programs of the network's own have no way out by the host.
 */
function foundThere(network: Network, world: World): readonly Prefix[] {
  if (!isWithoutHost(network, world)) return network.subnets;
  return network.subnets.filter(({ address }) => address.family !== 4);
}

/** The subnets that the host has addresses of on some bridges; of fe80::/10 every interface has one, which says nothing. */
function onLink(world: World, bridges: readonly string[]): readonly Prefix[] {
  const names = new Set(bridges);
  return world.host.addresses.flatMap(({ interface: on, address, length }) =>
    names.has(on) && !isLinkLocal(address) ? [prefixAround(address, length)] : [],
  );
}

/** Several may have been of one name, one after the other: each is held until its addresses are taken. */
function keyOf({ project, name, subnets }: RememberedNetwork): string {
  return [project ?? '', name, ...subnets.map(formatPrefix).toSorted()].join('\0');
}

function isFree(subnet: Prefix, taken: AddressSet): boolean {
  return isEmptySet(intersectSets(setOfPrefixes([subnet]), taken));
}
