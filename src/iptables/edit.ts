import type { SetElement } from '../nftables/endpoint-elements.ts';
import { isSamePlace, type Place } from './layer2.ts';
import type { EbTable, IpSet, IpSetElement, XState } from './model.ts';
import { printInterface } from './print.ts';
import { inOrder, type Rendered } from './render.ts';

/** Who comes and who goes, in neutral terms. */
export interface Comings {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
  /** Ports of those who leave, by name. */
  readonly leaving: readonly string[];
  readonly coming: readonly Place[];
  /** Bridges that are enrolled beside those that are. */
  readonly enrolled: readonly string[];
  /** Ports from which nothing is to pass, by name. */
  readonly barred: readonly string[];
}

export const noComings: Comings = { remove: [], add: [], leaving: [], coming: [], enrolled: [], barred: [] };

/**
 * What is to stand when some have come and others gone, with the same rules.
 *
 * @returns null where that takes more than elements and ports
 * @throws NotHeldError
 */
export function withComings(rendered: Rendered, comings: Comings): Rendered | null {
  const changes = new Map<string, { readonly remove: string[]; readonly add: IpSetElement[] }>();
  const changeOf = (set: string) => {
    const known = changes.get(set) ?? { remove: [], add: [] };
    changes.set(set, known);
    return known;
  };
  for (const one of comings.remove) {
    const found = rendered.elementOf(one);
    if (found !== null) changeOf(found.set).remove.push(found.element.key);
  }
  for (const one of comings.add) {
    const found = rendered.elementOf(one);
    if (found !== null) changeOf(found.set).add.push(found.element);
  }
  for (const bridge of comings.enrolled)
    for (const [set, every] of everywhere) {
      const own = rendered.state.sets.find(({ name }) => name === set);
      if (own?.type !== 'hash:net,iface') return null;
      changeOf(set).add.push({ key: `${every},${printInterface(bridge)}` });
    }
  const sets = rendered.state.sets.map((set) => {
    const change = changes.get(set.name);
    return change === undefined ? set : changedSet(set, change);
  });
  const places = placesAfter(rendered.places, comings);
  const barred = [...new Set([...rendered.barred, ...comings.barred])];
  const isAsBefore = places === rendered.places && barred.length === rendered.barred.length;
  const bridge = isAsBefore ? rendered.state.bridge : rendered.bridgeOf(places, barred);
  const state: XState = { ...rendered.state, sets, bridge };
  return { ...rendered, state, places, barred };
}

/** ebtables' tables on the way from one state to another; who is barred in either is in both. */
export interface BridgeBetween {
  /** Those who leave have left, and nobody has come. */
  readonly left: readonly EbTable[];
  /** Those who come have come. */
  readonly come: readonly EbTable[];
}

export function bridgeBetween(before: Rendered, after: Rendered): BridgeBetween {
  const barred = [...new Set([...before.barred, ...after.barred])];
  return {
    left: withoutComing(before, after, barred),
    come: barred.length === after.barred.length ? after.state.bridge : after.bridgeOf(after.places, barred),
  };
}

function withoutComing(before: Rendered, after: Rendered, barred: readonly string[]): readonly EbTable[] {
  const now = new Map(after.places.map((place) => [place.port, place]));
  const stay = before.places.filter((place) => {
    const there = now.get(place.port);
    return there !== undefined && isSamePlace(place, there);
  });
  const isAs = ({ barred: its, places }: Rendered) => stay.length === places.length && barred.length === its.length;
  if (isAs(before)) return before.state.bridge;
  return isAs(after) ? after.state.bridge : after.bridgeOf(stay, barred);
}

const everywhere = [
  ['sluice-bridges4', '0.0.0.0/0'],
  ['sluice-bridges6', '::/0'],
] as const;

function changedSet(
  set: IpSet,
  { remove, add }: { readonly remove: readonly string[]; readonly add: readonly IpSetElement[] },
): IpSet {
  const elements = new Map(set.elements.map((element) => [element.key, element]));
  for (const key of remove) elements.delete(key);
  for (const element of add) elements.set(element.key, element);
  return { ...set, elements: [...elements.values()] };
}

function placesAfter(places: readonly Place[], { leaving, coming }: Comings): readonly Place[] {
  const gone = new Set([...leaving, ...coming.map(({ port }) => port)]);
  if (gone.size === 0) return places;
  return inOrder([...places.filter(({ port }) => !gone.has(port)), ...coming]);
}
