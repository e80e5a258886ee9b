import { type Address, addressOf, isLinkLocal } from '../ip/address.ts';
import { type AddressSet, setOfAddresses, setOfPrefixes, subtractSets, unionSets } from '../ip/address-set.ts';
import { type Prefix, prefixAround, prefixInterval } from '../ip/prefix.ts';
import { linkLocal6Set } from '../ip/registry.ts';
import type { Container, Endpoint, Network, World } from '../world/world.ts';
import { linkLocalOf } from './mac.ts';
import { remember } from './remember.ts';
import type { GroupMember } from './ruleset.ts';

/** The world with what compiling asks of it again and again already looked up. */
export interface WorldIndex {
  readonly world: World;
  /** Containers sorted by id: nothing that is compiled depends on the order the engine listed them in. */
  readonly containers: readonly Container[];
  readonly networkOf: (endpoint: Endpoint) => Network | undefined;
  /** Whose endpoints a container sends from: its own, or those of the container whose namespace it shares. */
  readonly ownerOf: (container: Container) => Owner;
  /**
   * Whose addresses and published ports a container has where others send to it by who it is: its own, or those of the
   * container whose namespace it shares, in one project. Null across projects: whoever writes a compose file may join any
   * container, and would so make others' services its own.
   */
  readonly answersAs: (container: Container) => Container | null;
  /** Containers that share a container's namespace, or will: what they may not send is forbidden before they run. */
  readonly sharersOf: (owner: Container) => readonly Container[];
  /** Networks a container's namespace is attached to, sorted by name; also while it does not run. */
  readonly networksOf: (container: Container) => readonly Network[];
  /** Every address its namespace answers on: what the engine gave it, and the link-local address of each MAC. */
  readonly addressesOf: (container: Container) => AddressSet;
  /** Where it is sent to by who it is: on bridge networks alone, each address with its bridge, as the host sees who answers. */
  readonly placesOf: (container: Container) => readonly GroupMember[];
  /** Containers of Compose, by project. */
  readonly byProject: ReadonlyMap<string, readonly Container[]>;
  /** Containers outside Compose, by name. */
  readonly byName: ReadonlyMap<string, readonly Container[]>;
  /** Containers of a network, by the network's engine name. */
  readonly byNetwork: ReadonlyMap<string, readonly Container[]>;
  /** Every address of the host, those on Docker's bridges among them. */
  readonly hostAddresses: AddressSet;
  /** Where in Docker's subnets the host finds its LAN instead, as far as its addresses tell. */
  readonly onWires: AddressSet;
  /**
   * Where an allow by address does not reach: Docker's subnets, containers elsewhere, IPv6 link-local neighbours. Not what
   * of a subnet the host finds elsewhere ({@link foundElsewhere}): anyone may choose a subnet, and would so take from
   * everybody what they are allowed there.
   */
  readonly containerSpace: AddressSet;
  /** The same for who is on some networks, and so may reach by their bridges all of their subnets. The same object where it is equal. */
  readonly containerSpaceOn: (networks: readonly Network[]) => AddressSet;
  /** Directed broadcasts of the host's interfaces: the kernel takes them in itself (RFC 919, RFC 922). */
  readonly broadcasts: AddressSet;
  /** Of those what the host's own addresses make so, not a subnet that somebody has chosen. */
  readonly hostBroadcasts: AddressSet;
}

type Owner =
  | { readonly kind: 'container'; readonly container: Container }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  /** The container whose namespace it shares is not there. */
  | { readonly kind: 'missing' };

/** A world to be asked by id, name and network. Worked out when asked, once. */
export function indexWorld(world: World): WorldIndex {
  const containers = world.containers.toSorted((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const byId = new Map(containers.map((container) => [container.id, container]));
  const networks = new Map<string, Network>();
  for (const network of world.networks) networks.set(network.name, network);
  for (const network of world.networks) networks.set(network.id, network);
  const networkOf = (endpoint: Endpoint) => networks.get(endpoint.network);

  const ownerOf = ofEach((container: Container): Owner => {
    let current: Container | undefined = container;
    // a container may share with one that shares; the bound is for an engine that answers with a circle
    for (let hops = 0; hops <= containers.length && current !== undefined; hops++) {
      const mode: Container['networkMode'] = current.networkMode;
      if (mode.kind === 'host' || mode.kind === 'none') return mode;
      if (mode.kind === 'networks') return { kind: 'container', container: current };
      current = byId.get(mode.container);
    }
    return { kind: 'missing' };
  });

  const answersAs = ofEach((container: Container): Container | null => {
    const owner = ownerOf(container);
    return owner.kind === 'container' && owner.container.project === container.project ? owner.container : null;
  });

  const endpointsOf = (container: Container): readonly Endpoint[] => {
    const owner = ownerOf(container);
    return owner.kind === 'container' ? presentEndpoints(owner.container) : [];
  };
  const networksOf = ofEach((container: Container) => {
    const owner = ownerOf(container);
    if (owner.kind !== 'container') return [];
    return [...new Set(owner.container.endpoints.flatMap((endpoint) => networkOf(endpoint) ?? []))].toSorted((a, b) =>
      a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
    );
  });
  const addressesOf = ofEach((container: Container) =>
    setOfAddresses(endpointsOf(container).flatMap(endpointAddresses)),
  );
  const placesOf = ofEach((container: Container) => {
    const owner = answersAs(container);
    return (owner === null ? [] : presentEndpoints(owner)).flatMap((endpoint): readonly GroupMember[] => {
      const bridge = networkOf(endpoint)?.bridge;
      if (!bridge) return [];
      return endpointAddresses(endpoint).map((address) => ({
        bridge: { name: bridge.name, index: bridge.index },
        address,
      }));
    });
  });

  const sharers = groupBy(containers, (container) => {
    const owner = ownerOf(container);
    return owner.kind === 'container' && owner.container !== container ? [owner.container.id] : [];
  });
  const bridges = world.networks.filter(({ bridge, oddBridge }) => bridge !== null || oddBridge !== undefined);
  const subnets = bridges.flatMap((network) => network.subnets);
  const elsewhere = foundElsewhere(world, bridges);
  const containerSpace = unionSets(
    linkLocal6Set,
    setOfPrefixes(bridges.flatMap((network) => (elsewhere.has(network) ? [] : network.subnets))),
    ...[...elsewhere].map(([network, found]) => subtractSets(setOfPrefixes(network.subnets), found)),
    ...containers.map(addressesOf).filter(isAny),
  );
  const hostAddresses = setOfAddresses([
    ...world.host.addresses.map(({ address }) => address),
    ...world.networks.flatMap((network) => network.gateways),
  ]);
  // whose labels may be its image's is nobody to whom others may send by a name
  const proven = containers.filter(({ unproven }) => unproven === undefined);
  // anyone may choose a subnet whose last address is one of the host's: to the kernel it stays the host's own
  const broadcastsOf = (prefixes: readonly Prefix[]) =>
    subtractSets(setOfAddresses(prefixes.flatMap(directedBroadcast)), hostAddresses);
  const hostBroadcasts = broadcastsOf(world.host.addresses);
  return {
    world,
    containers,
    networkOf,
    ownerOf,
    answersAs,
    sharersOf: (owner) => sharers.get(owner.id) ?? [],
    networksOf,
    addressesOf,
    placesOf,
    byProject: groupBy(proven, (container) => (isComposed(container) ? [container.project ?? ''] : [])),
    byName: groupBy(proven, (container) => (isComposed(container) ? [] : [container.name])),
    byNetwork: groupBy(containers, (container) => networksOf(container).map((network) => network.name)),
    hostAddresses,
    onWires: subnetsOnWires(world, bridges),
    containerSpace,
    containerSpaceOn: (networks) => {
      const found = networks.flatMap((network) => elsewhere.get(network) ?? []);
      return found.length === 0 ? containerSpace : unionSets(containerSpace, ...found);
    },
    broadcasts: unionSets(broadcastsOf(subnets), hostBroadcasts),
    hostBroadcasts,
  };
}

const isAny = ({ v4, v6 }: AddressSet): boolean => v4.length + v6.length > 0;

/**
 * What of networks' subnets is not on their bridges for who is on none of them, by network: where the host has a longer
 * prefix on an interface that is no such bridge, as its LAN; and all of IPv4 where the host has none of it.
 */
function foundElsewhere(world: World, bridges: readonly Network[]): ReadonlyMap<Network, AddressSet> {
  const wires = wiresOf(world, bridges);
  return new Map(
    bridges.flatMap((network) => {
      const apart = isWithoutHost(network, world);
      const found = network.subnets.flatMap((subnet) =>
        subnet.address.family === 4 && apart ? [subnet] : longerWithin(wires, subnet),
      );
      return found.length === 0 ? [] : [[network, setOfPrefixes(found)] as const];
    }),
  );
}

/** Where a longer prefix of the host's leads to another interface, or any, since it has no address on the bridge itself. */
function subnetsOnWires(world: World, bridges: readonly Network[]): AddressSet {
  const wires = wiresOf(world, bridges);
  const found = bridges.flatMap((network) => {
    const apart = isWithoutHost(network, world);
    return network.subnets.flatMap((subnet) => [
      ...longerWithin(wires, subnet),
      ...(apart && wires.some((wire) => isWithin(subnet, wire)) ? [subnet] : []),
    ]);
  });
  return setOfPrefixes(found);
}

/** The prefixes that the host has on interfaces that are no bridge of Docker's. */
function wiresOf(world: World, bridges: readonly Network[]): readonly Prefix[] {
  const names = new Set(bridges.flatMap(({ bridge, oddBridge }) => bridge?.name ?? oddBridge?.name ?? []));
  return world.host.addresses.flatMap(({ interface: on, address, length }) =>
    names.has(on) || isLinkLocal(address) ? [] : [prefixAround(address, length)],
  );
}

/**
 * Whether the engine was told to give a network's bridge no IPv4 address, and it has none: the host has no route there. Asked
 * of the network's option as well as of the addresses: those of a network made just now may have been read before it.
 */
export function isWithoutHost({ bridge, options }: Network, { host }: World): boolean {
  if (bridge === null || !/^(?:1|t|true)$/i.test(options?.get(inhibit) ?? '')) return false;
  return !host.addresses.some(({ interface: on, address }) => on === bridge.name && address.family === 4);
}

const inhibit = 'com.docker.network.bridge.inhibit_ipv4';

/** Those by which the host finds a part of a subnet elsewhere. */
function longerWithin(wires: readonly Prefix[], subnet: Prefix): readonly Prefix[] {
  return wires.filter((wire) => wire.length > subnet.length && isWithin(wire, subnet));
}

function isWithin({ address }: Prefix, { address: block, length }: Prefix): boolean {
  return address.family === block.family && prefixAround(address, length).address.value === block.value;
}

/** Whether a container belongs to Compose: then its workload is `PROJECT/SERVICE`, else `container/NAME`. */
export function isComposed(container: Container): boolean {
  return container.project !== null && container.service !== null;
}

/**
 * The endpoints that are there. A container that is being started has its veth before its first instruction, and is
 * not yet `running`; one that was stopped has none.
 */
export function presentEndpoints(container: Container): readonly Endpoint[] {
  return container.running ? container.endpoints : container.endpoints.filter(({ port }) => port !== null);
}

const withLinkLocal = new WeakMap<Endpoint, readonly Address[]>();

/** An endpoint's addresses and the link-local one that its MAC gives. */
export function endpointAddresses(endpoint: Endpoint): readonly Address[] {
  let addresses = withLinkLocal.get(endpoint);
  if (addresses === undefined) {
    const linkLocal = endpoint.mac === null ? undefined : linkLocalOf(endpoint.mac);
    addresses = linkLocal === undefined ? endpoint.addresses : [...endpoint.addresses, linkLocal];
    withLinkLocal.set(endpoint, addresses);
  }
  return addresses;
}

/** The last address of an IPv4 subnet, which means all of it; /31 and /32 have none (RFC 3021). */
export function directedBroadcast({ address, length }: Prefix): readonly Address[] {
  if (address.family === 6 || length > 30) return [];
  return [addressOf(4, prefixInterval({ address, length }).high)];
}

function groupBy(
  containers: readonly Container[],
  keysOf: (container: Container) => readonly string[],
): ReadonlyMap<string, readonly Container[]> {
  const groups = new Map<string, Container[]>();
  for (const container of containers)
    for (const key of keysOf(container)) {
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [container]);
      else group.push(container);
    }
  return groups;
}

/** What is computed of each container once. */
function ofEach<Value>(compute: (container: Container) => Value): (container: Container) => Value {
  return remember(new Map<Container, Value>(), compute);
}
