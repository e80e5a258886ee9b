import { type AddressSet, setIncludes, setOfAddresses } from '../ip/address-set.ts';
import type { NamePattern } from '../policy/model.ts';
import { covers, matches } from '../policy/pattern.ts';
import type { Container } from '../world/world.ts';
import { nameKey } from './ids.ts';
import type { GroupMember } from './ruleset.ts';
import { directedBroadcast, type WorldIndex } from './world-index.ts';

/** Containers that a policy means by who they are, not by address; what an AddressGroup holds the addresses of. */
export type Crowd =
  | { readonly kind: 'containers' }
  | { readonly kind: 'project'; readonly project: NamePattern; readonly service: NamePattern | null }
  /** Outside Compose, by name. */
  | { readonly kind: 'container'; readonly name: NamePattern }
  /** By the network's engine name. */
  | { readonly kind: 'network'; readonly network: string }
  /** All on a network at once, by its directed broadcasts: on its own bridge alone, since anyone may choose a subnet. */
  | { readonly kind: 'broadcast'; readonly network: string };

/** The group's key: see {@link nameKey}. Patterns and exact names never share one. */
export function crowdKey(crowd: Crowd): string {
  switch (crowd.kind) {
    case 'containers':
      return 'containers';
    case 'project':
      if (crowd.service === null) return nameKey([kindOf('project', crowd.project), crowd.project.text]);
      return nameKey([kindOf('service', crowd.project, crowd.service), crowd.project.text, crowd.service.text]);
    case 'container':
      return nameKey([kindOf('container', crowd.name), crowd.name.text]);
    case 'network':
      return nameKey(['network', crowd.network]);
    case 'broadcast':
      return nameKey(['broadcast', crowd.network]);
  }
}

function kindOf(kind: string, ...patterns: readonly NamePattern[]): string {
  return patterns.some(({ wild }) => wild) ? `${kind}-pattern` : kind;
}

/** The containers of a crowd, sorted by id; a broadcast has none of its own. */
export function crowdMembers(crowd: Crowd, index: WorldIndex): readonly Container[] {
  switch (crowd.kind) {
    case 'containers':
      return index.containers;
    case 'network':
      return index.byNetwork.get(crowd.network) ?? [];
    case 'broadcast':
      return [];
    case 'container':
      return pick(index.byName, crowd.name);
    case 'project': {
      const members = pick(index.byProject, crowd.project);
      const { service } = crowd;
      if (service === null) return members;
      return members.filter((container) => container.service !== null && matches(service, container.service));
    }
  }
}

function pick(known: ReadonlyMap<string, readonly Container[]>, pattern: NamePattern): readonly Container[] {
  if (!pattern.wild) return known.get(pattern.text) ?? [];
  return [...known.entries()].filter(([name]) => matches(pattern, name)).flatMap(([, containers]) => containers);
}

/** Where the members of a crowd are, each address on its bridge; sorted, none twice. */
export function crowdPlaces(crowd: Crowd, index: WorldIndex): readonly GroupMember[] {
  const places =
    crowd.kind === 'broadcast'
      ? broadcastPlaces(crowd.network, index)
      : crowdMembers(crowd, index).flatMap((member) => index.placesOf(member));
  const keyed = new Map(places.map((place) => [placeKey(place), place]));
  return [...keyed.entries()].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, place]) => place);
}

function broadcastPlaces(name: string, { world, broadcasts }: WorldIndex): readonly GroupMember[] {
  return world.networks.flatMap(({ name: its, bridge, subnets }) => {
    if (its !== name || bridge === null) return [];
    const addresses = subnets.flatMap(directedBroadcast).filter((address) => setIncludes(broadcasts, address));
    return addresses.map((address) => ({ bridge: { name: bridge.name, index: bridge.index }, address }));
  });
}

function placeKey({ bridge, address }: GroupMember): string {
  return `${bridge.name}\0${address.family}\0${address.value.toString(16).padStart(32, '0')}`;
}

/** The addresses of a crowd's members on bridge networks. */
export function crowdAddresses(crowd: Crowd, index: WorldIndex): AddressSet {
  return addressesOfPlaces(crowdPlaces(crowd, index));
}

/** The addresses of places, wherever they are. */
export function addressesOfPlaces(places: readonly GroupMember[]): AddressSet {
  return setOfAddresses(places.map(({ address }) => address));
}

/** Whether whoever is in `inner`, now or later, is in `outer` too. */
export function crowdContains(outer: Crowd, inner: Crowd): boolean {
  if (inner.kind === 'broadcast' || outer.kind === 'broadcast')
    return inner.kind === 'broadcast' && outer.kind === 'broadcast' && inner.network === outer.network;
  if (outer.kind === 'containers') return true;
  if (inner.kind === 'network' || outer.kind === 'network')
    return inner.kind === 'network' && outer.kind === 'network' && inner.network === outer.network;
  if (inner.kind === 'container') return outer.kind === 'container' && covers(outer.name, inner.name);
  if (inner.kind !== 'project' || outer.kind !== 'project' || !covers(outer.project, inner.project)) return false;
  return outer.service === null || (inner.service !== null && covers(outer.service, inner.service));
}

/** A pattern that is one exact name. */
export function exactly(name: string): NamePattern {
  return { text: name, wild: false };
}
