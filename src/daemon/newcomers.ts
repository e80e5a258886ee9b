import type { Address } from '../ip/address.ts';
import { setOfAddresses, unionSets } from '../ip/address-set.ts';
import type { EndpointIdentity, Ruleset, Seat } from '../ruleset/ruleset.ts';
import type { Seated } from './guard/protocol.ts';

/** What the guard knows that the engine's answers do not say yet, or no longer say. */
export interface Newcomers {
  /** Senders it has seated, by port index. */
  readonly seated: ReadonlyMap<number, Seated>;
  /** Ports that are gone. Indices are never given twice while the host runs (net/core/dev.c, dev_new_index). */
  readonly left: ReadonlySet<number>;
}

/**
 * The ruleset with what the guard has done since the world was read. An engine tells of a container that is being
 * started only when it runs, long after its first packet; without this the next change would take its place away again.
 *
 * The guard knows later than the engine: where both speak of one address, it wins. A newcomer without a seat any more is
 * left out.
 */
export function withNewcomers(ruleset: Ruleset, { seated, left }: Newcomers): Ruleset {
  const there = ruleset.endpoints.filter(({ port }) => !left.has(port.index));
  const known = new Set(there.map(({ container, bridge }) => seatKey(container.id, bridge.index)));
  const seats = new Map(ruleset.seats.map((seat) => [seatKey(seat.container.id, seat.bridge.index), seat]));
  const carried = [...seated.values()].flatMap((one): readonly Carried[] => {
    const key = seatKey(one.container, one.rules.bridge.index);
    const seat = known.has(key) ? undefined : seats.get(key);
    return seat === undefined ? [] : [{ seat, endpoint: endpointOf(seat, one) }];
  });
  if (carried.length === 0 && there.length === ruleset.endpoints.length) return ruleset;
  const taken = new Set(carried.flatMap(({ endpoint }) => placesOf(endpoint)));
  const endpoints = [
    ...there.filter((endpoint) => !placesOf(endpoint).some((place) => taken.has(place))),
    ...carried.map(({ endpoint }) => endpoint),
  ];
  const present = new Set(endpoints.flatMap(placesOf));
  const gone = new Set(ruleset.endpoints.flatMap(placesOf).filter((place) => !present.has(place)));
  return { ...ruleset, endpoints, groups: groupsWith(ruleset, carried, gone) };
}

interface Carried {
  readonly seat: Seat;
  readonly endpoint: EndpointIdentity;
}

function endpointOf({ container, workload, bridge, program }: Seat, { place }: Seated): EndpointIdentity {
  return { container, workload, bridge, port: place.port, mac: place.mac, addresses: place.addresses, program };
}

/** @param gone places where nobody is any more */
function groupsWith(ruleset: Ruleset, carried: readonly Carried[], gone: ReadonlySet<string>): Ruleset['groups'] {
  return ruleset.groups.map((every) => {
    const group = withoutPlaces(every, gone);
    const more = carried
      .filter(({ seat }) => seat.groups.includes(group.id))
      .flatMap(({ endpoint }) => endpoint.addresses.map((address) => ({ bridge: endpoint.bridge, address })));
    if (more.length === 0) return group;
    return {
      ...group,
      members: [...group.members, ...more],
      addresses: unionSets(group.addresses, setOfAddresses(more.map(({ address }) => address))),
    };
  });
}

function withoutPlaces(group: Ruleset['groups'][number], gone: ReadonlySet<string>): Ruleset['groups'][number] {
  const isGone = ({ bridge, address }: (typeof group.members)[number]) => gone.has(placeKey(bridge.index, address));
  if (!group.members.some(isGone)) return group;
  const members = group.members.filter((member) => !isGone(member));
  return { ...group, members, addresses: setOfAddresses(members.map(({ address }) => address)) };
}

const seatKey = (container: string, bridge: number): string => `${container} ${bridge}`;
const placeKey = (bridge: number, { family, value }: Address): string => `${bridge} ${family} ${value}`;

/** Addresses that one container at a time has; link-local ones come from the MAC, which several may share. */
function placesOf({ bridge, addresses }: EndpointIdentity): readonly string[] {
  return addresses.map((address) => placeKey(bridge.index, address));
}
