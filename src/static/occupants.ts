import type { Address, Family } from '../ip/address.ts';
import { type AddressSet, setIncludes, setOfAddresses, setOfPrefixes, unionSets } from '../ip/address-set.ts';
import type { AddressGroup, Ruleset } from '../ruleset/ruleset.ts';
import type { Container, Endpoint, Network, World } from '../world/world.ts';

/** A container on a bridge network, whether or not it runs. */
export interface Occupant {
  readonly container: Container;
  readonly network: Network;
  /** Addresses that it has at every start. */
  readonly fixed: readonly Address[];
  readonly endpoint: Endpoint;
}

export interface Occupants {
  readonly on: (network: Network) => readonly Occupant[];
  readonly networks: readonly Network[];
}

/** Who is on which bridge network that has subnets; an endpoint names its network by the engine's id or by its name. */
export function occupantsOf(world: World): Occupants {
  const networks = world.networks.filter(({ bridge, subnets }) => bridge !== null && subnets.length > 0);
  const all = world.containers.flatMap((container) =>
    container.endpoints.flatMap((endpoint): Occupant[] => {
      const network = networks.find(({ id, name }) => id === endpoint.network || name === endpoint.network);
      return network === undefined ? [] : [{ container, network, endpoint, fixed: endpoint.fixed ?? [] }];
    }),
  );
  const byNetwork = Map.groupBy(all, ({ network }) => network);
  return { networks, on: (network) => byNetwork.get(network) ?? [] };
}

/** The fixed address of an occupant, of one family. */
export function fixedOf({ fixed }: Occupant, family: Family): Address | undefined {
  return fixed.find((address) => address.family === family);
}

/** Families that a network has addresses of. */
export function familiesOf({ subnets }: Network): readonly Family[] {
  return ([4, 6] as const).filter((family) => subnets.some(({ address }) => address.family === family));
}

/** A group of containers as static rules can say it. */
export interface SaidGroup {
  readonly set: AddressSet;
  /** Members that have no address to name them by: left out of a permission, their networks are in a prohibition. */
  readonly unsaid: readonly Occupant[];
}

/**
 * A network where everybody is a member is said by its subnets; elsewhere members are said by the addresses that are
 * fixed. Who has none is left out of a permission; a prohibition is for the whole network then.
 */
export function sayGroup(
  group: AddressGroup,
  role: 'permit' | 'forbid',
  ruleset: Ruleset,
  { networks, on }: Occupants,
): SaidGroup {
  const isMember = memberOf(group, ruleset);
  const parts = networks.flatMap((network) => {
    const there = on(network);
    const members = there.filter(isMember);
    if (members.length === 0) return [];
    const whole = setOfPrefixes(network.subnets);
    if (members.length === there.length) return [{ set: whole, unsaid: [] }];
    return familiesOf(network).map((family): SaidGroup => {
      const unsaid = members.filter((member) => fixedOf(member, family) === undefined);
      if (unsaid.length > 0 && role === 'forbid')
        return {
          set: setOfPrefixes(network.subnets.filter(({ address }) => address.family === family)),
          unsaid,
        };
      return { set: setOfAddresses(members.flatMap((member) => fixedOf(member, family) ?? [])), unsaid };
    });
  });
  return {
    set: unionSets(...parts.map(({ set }) => set)),
    unsaid: [...new Set(parts.flatMap(({ unsaid }) => unsaid))],
  };
}

/** By its seat where it has one; who is on a network that is not enrolled is told by the address it has. */
function memberOf(group: AddressGroup, ruleset: Ruleset): (occupant: Occupant) => boolean {
  const seats = new Map(ruleset.seats.map((seat) => [`${seat.container.id}\0${seat.network}`, seat]));
  return ({ container, network, endpoint }) => {
    const seat = seats.get(`${container.id}\0${network.id}`);
    if (seat !== undefined) return seat.groups.includes(group.id);
    return group.members.some(
      ({ bridge, address }) =>
        bridge.name === network.bridge?.name && setIncludes(setOfAddresses(endpoint.addresses), address),
    );
  };
}
