import { noAddresses, setOfPrefixes, subtractSets, unionSets } from '../ip/address-set.ts';
import type { Prefix } from '../ip/prefix.ts';
import { seatRules } from '../nftables/sender-sets.ts';
import type { EndpointIdentity, Ruleset, Seat } from '../ruleset/ruleset.ts';
import type { World } from '../world/world.ts';
import { type Announcements, announcedSince } from './announced.ts';
import type { GuardedBridge, PlannedSeat, Seated, ToGuard } from './guard/protocol.ts';

/** Everything the guard has been told. */
export interface Told {
  /** What it was made from. */
  readonly ruleset: Ruleset | null;
  readonly bridges: readonly GuardedBridge[];
  /** By container and network. */
  readonly seats: ReadonlyMap<string, PlannedSeat>;
  /** Senders in the kernel, by port index. */
  readonly seated: ReadonlyMap<number, Seated>;
  readonly announced: Announcements;
}

export const nothingTold: Told = {
  ruleset: null,
  bridges: [],
  seats: new Map(),
  seated: new Map(),
  announced: new Map(),
};

/** What of the world the guard is told beside the ruleset. */
export interface Surroundings {
  /** By a network's engine id, as far as they are known. */
  readonly subnets: Subnets;
  readonly announced: Announcements;
  /** Indices of the bridges of all networks. */
  readonly engines: readonly number[];
  /** Indices of the ports that stay barred because of somebody unknown. */
  readonly barred: readonly number[];
}

/** The subnets of networks, by engine id. */
type Subnets = ReadonlyMap<string, readonly Prefix[]>;

export const subnetsOf = ({ networks }: World): Subnets => new Map(networks.map(({ id, subnets }) => [id, subnets]));

type Plan = Extract<ToGuard, { kind: 'plan' }>;

/**
 * What to tell the guard once the kernel holds a ruleset: only what has changed since it was told last, since reading a
 * message is time in which it watches nothing.
 *
 * @param heard serial of the guard's latest doing that the ruleset reckons with
 */
export function planFor(
  ruleset: Ruleset,
  { subnets, announced, engines, barred }: Surroundings,
  told: Told,
  heard: number,
): { readonly plan: Plan; readonly told: Told } {
  const words = {
    heard,
    barred,
    engines,
    ...announcedSince(told.announced, announced),
  };
  if (ruleset === told.ruleset)
    return {
      plan: { kind: 'plan', bridges: told.bridges, seats: [], gone: [], seated: [], unseated: [], ...words },
      told: { ...told, announced },
    };
  const seats = new Map(
    ruleset.seats.map((seat) => [
      seatKey(seat.container.id, seat.network),
      unchanged(told, plannedSeat(ruleset, seat)),
    ]),
  );
  const byPlace = new Map(ruleset.seats.map((seat) => [`${seat.container.id} ${seat.bridge.index}`, seat]));
  const seated = new Map(
    ruleset.endpoints.flatMap((endpoint) => {
      const seat = byPlace.get(`${endpoint.container.id} ${endpoint.bridge.index}`);
      return seat === undefined ? [] : [[endpoint.port.index, seatedOf(endpoint, seat, seats)] as const];
    }),
  );
  const bridges = bridgesOf(ruleset, subnets);
  const plan: Plan = {
    kind: 'plan',
    bridges,
    seats: [...seats].filter(([key, seat]) => told.seats.get(key) !== seat).map(([, seat]) => seat),
    gone: [...told.seats]
      .filter(([key]) => !seats.has(key))
      .map(([, { container, network }]) => ({ container, network })),
    seated: [...seated].filter(([port, one]) => !isSame(told.seated.get(port), one)).map(([, one]) => one),
    ...words,
    unseated: [...told.seated.keys()].filter((port) => !seated.has(port)),
  };
  return { plan, told: { ruleset, bridges, seats, seated, announced } };
}

const seatKey = (container: string, network: string): string => `${container} ${network}`;

const planned = new WeakMap<Seat, PlannedSeat>();

/** The same object for a seat that stands as it did. */
function plannedSeat(ruleset: Ruleset, seat: Seat): PlannedSeat {
  const rules = seatRules(ruleset, seat);
  const known = planned.get(seat);
  if (known !== undefined && known.rules.entries === rules.entries && known.rules.strict === rules.strict) return known;
  const fresh = { container: seat.container.id, network: seat.network, rules };
  planned.set(seat, fresh);
  return fresh;
}

/** The very object that was told before, where it says the same. */
function unchanged(told: Told, seat: PlannedSeat): PlannedSeat {
  const before = told.seats.get(seatKey(seat.container, seat.network));
  if (before === seat) return seat;
  return before !== undefined && JSON.stringify(before.rules) === JSON.stringify(seat.rules) ? before : seat;
}

function seatedOf(
  { container, port, mac, addresses }: EndpointIdentity,
  { network }: Seat,
  seats: ReadonlyMap<string, PlannedSeat>,
): Seated {
  const planned = seats.get(seatKey(container.id, network));
  if (planned === undefined) throw new Error(`no seat for ${container.name}`);
  return { container: container.id, network, rules: planned.rules, place: { port, mac, addresses } };
}

function isSame(before: Seated | undefined, now: Seated): boolean {
  if (before === undefined || before.rules !== now.rules || before.container !== now.container) return false;
  const { mac, addresses } = before.place;
  return (
    mac === now.place.mac &&
    addresses.length === now.place.addresses.length &&
    addresses.every(({ family, value }, at) => {
      const other = now.place.addresses[at];
      return other?.family === family && other.value === value;
    })
  );
}

function bridgesOf({ seats, bridges }: Ruleset, subnets: Subnets): readonly GuardedBridge[] {
  const networks = new Map(seats.map((seat) => [seat.bridge.name, seat]));
  const enrolled = new Map(bridges.map((bridge) => [bridge.name, bridge]));
  return [...networks.values()].map(({ bridge: { name, index }, network }) => {
    const { gateways = noAddresses, broadcasts = noAddresses, unknown } = enrolled.get(name) ?? {};
    const places = subtractSets(setOfPrefixes(subnets.get(network) ?? []), unionSets(gateways, broadcasts));
    return { name, index, network, places, strict: unknown?.kind !== 'judge' };
  });
}
