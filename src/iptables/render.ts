import { families } from '../ip/address.ts';
import { setOfAddresses } from '../ip/address-set.ts';
import type { SetElement } from '../nftables/endpoint-elements.ts';
import type { Table } from '../nftables/model.ts';
import { renderRuleset } from '../nftables/render.ts';
import { disputes } from '../ruleset/disputed.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { isInterfaceName } from '../world/names.ts';
import { withoutCrowds } from './crowded.ts';
import type { Numbers } from './dispatch.ts';
import { NotHeldError } from './errors.ts';
import { type HostFacts, type InetRules, inetRules } from './inet.ts';
import { isSamePlace, layer2, type Place } from './layer2.ts';
import type { EbTable, IpSet, IpSetElement, XState } from './model.ts';
import { Names } from './names.ts';
import { elementOf } from './sets.ts';

/** What stands for a ruleset, and what is needed to say who comes and goes in its terms. */
export interface Rendered {
  readonly state: XState;
  readonly places: readonly Place[];
  /** Ports from which nothing passes, by name. */
  readonly barred: readonly string[];
  readonly numbers: Numbers;
  /** ebtables' tables when these are the senders, and these ports are barred. */
  readonly bridgeOf: (places: readonly Place[], barred: readonly string[]) => readonly EbTable[];
  /**
   * An element of one of the neutral sets, and the name of the set it belongs to here; null: no rule asks for it.
   *
   * @throws NotHeldError when there is nothing for it here
   */
  readonly elementOf: (element: SetElement) => { readonly set: string; readonly element: IpSetElement } | null;
}

/**
 * What holds a ruleset with iptables, ip6tables, ipset and ebtables. The rules of each program are compiled once, to the
 * neutral chains and sets that nftables has as they are; here they are written in what iptables has.
 *
 * @throws NotHeldError when it cannot be held exactly
 */
export function renderXtables(ruleset: Ruleset, facts: HostFacts, numbers?: Numbers): XState {
  return renderWhole(ruleset, facts, new Names(), numbers === undefined ? undefined : { numbers, places: [] }).state;
}

/**
 * The same with what its changes need.
 *
 * @param names those of what stands, so that they stay
 * @param before what stands: senders keep their numbers, and who is where they were is the same object
 */
export function renderWhole(
  of: Ruleset,
  facts: HostFacts,
  names: Names,
  before?: Pick<Rendered, 'numbers' | 'places'>,
): Rendered {
  const ruleset = withoutCrowds(of);
  const inet = renderRuleset(withUnlisted(ruleset)).find(({ family }) => family === 'inet') as Table;
  const known: HostFacts = { ...facts, interfaces: new Map([...facts.interfaces, ...interfacesOf(ruleset)]) };
  const odd = (ruleset.unlisted ?? []).filter(({ name }) => !isInterfaceName(name));
  const barredHere = [...(ruleset.barred ?? []), ...odd];
  const [v4, v6] = families.map((family) =>
    inetRules({ inet, family, barred: barredHere, names, facts: known, numbers: before?.numbers }),
  ) as [InetRules, InetRules];
  const numberings = new Map([...v4.numberings, ...v6.numberings]);
  // what no rule can carry is a bridge's name: the engine's own give ports theirs
  const barred = (ruleset.barred ?? []).map(({ name }) => name).filter(isInterfaceName);
  const bridgeOf = layer2(ruleset.bridges, names);
  const places = asBefore(placesOf(ruleset), before?.places ?? []);
  const sets = [...v4.sets, ...v6.sets];
  const standing = new Map<string, IpSet>(sets.map((set) => [set.name, set]));
  return {
    state: { sets, tables: { 4: v4.tables, 6: v6.tables }, bridge: bridgeOf(places, barred) },
    places,
    barred,
    numbers: (map, target) => numberings.get(map)?.number(target),
    bridgeOf,
    elementOf: ({ table, set, element }) => {
      const own = table === 'inet' ? standing.get(names.set(set)) : undefined;
      if (own === undefined) return null;
      const mark = own.marks ? (numberings.get(set)?.mark(element.verdict) ?? null) : undefined;
      if (mark === null) throw new NotHeldError(`${set} has no number for where it leads`);
      return { set: own.name, element: elementOf(own, element, known.interfaces, mark) };
    },
  };
}

/** All that is called something by {@link Names}. */
export function namesIn({ sets, tables, bridge }: XState): ReadonlySet<string> {
  const chains = [...[...tables[4], ...tables[6]].flatMap((one) => one.chains), ...bridge.flatMap((one) => one.chains)];
  return new Set([...sets, ...chains].map(({ name }) => name));
}

/** Bridges that are shut until somebody is known on them are so by their names, where they can be: that changes no rule. */
function withUnlisted(of: Ruleset): Ruleset {
  const { unlisted, ...ruleset } = of;
  if (unlisted === undefined) return of;
  const none = setOfAddresses([]);
  const shut = unlisted
    .filter(({ name }) => isInterfaceName(name) && !ruleset.bridges.some((bridge) => bridge.name === name))
    .map(({ name }) => ({ name, network: name, gateways: none, broadcasts: none, unknown: { kind: 'drop' } as const }));
  return { ...ruleset, bridges: [...ruleset.bridges, ...shut] };
}

/** Places that are the same are the same objects: their rules are made, and written, once. */
function asBefore(places: readonly Place[], before: readonly Place[]): readonly Place[] {
  const there = new Map(before.map((place) => [place.port, place]));
  return places.map((place) => {
    const same = there.get(place.port);
    return same !== undefined && isSamePlace(same, place) ? same : place;
  });
}

/** Whoever came when, the rules are the same. */
export function inOrder(places: readonly Place[]): readonly Place[] {
  return places.toSorted((a, b) => (a.port < b.port ? -1 : a.port > b.port ? 1 : 0));
}

/** Interfaces that a ruleset names with their indices. */
function interfacesOf({ endpoints, seats, groups }: Ruleset): ReadonlyMap<number, string> {
  const all = [
    ...endpoints.flatMap(({ bridge, port }) => [bridge, port]),
    ...seats.map(({ bridge }) => bridge),
    ...groups.flatMap(({ members }) => members.map(({ bridge }) => bridge)),
  ];
  return new Map(all.map(({ index, name }) => [index, name]));
}

function placesOf({ endpoints, bridges }: Ruleset): readonly Place[] {
  const isDisputed = disputes(endpoints);
  const judged = new Set(bridges.filter(({ unknown }) => unknown.kind === 'judge').map(({ name }) => name));
  return inOrder(
    endpoints.map((endpoint) => ({
      port: endpoint.port.name,
      mac: endpoint.mac,
      addresses: endpoint.addresses.filter((address) => !isDisputed(endpoint, address)),
      strict: !judged.has(endpoint.bridge.name),
    })),
  );
}
