import { elementId, endpointElements, type SetElement } from '../nftables/endpoint-elements.ts';
import type { Seated } from './guard/protocol.ts';

/** What of the neutral sets goes and comes with senders. */
interface ElementsChange {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
}

/**
 * What has changed in the sets when senders have come and others gone.
 *
 * @param others who stands beside them: what they have in common with those who leave stays
 */
export function elementsChanged(
  leaving: readonly Seated[],
  coming: readonly Seated[],
  others: Iterable<Seated>,
): ElementsChange {
  const near = leaving.length === 0 ? [] : [...others].filter((one) => leaving.some((gone) => isAlike(one, gone)));
  const stays = new Set(near.flatMap(elementsOf).map(elementId));
  const remove = leaving.flatMap(elementsOf).filter((element) => !stays.has(elementId(element)));
  return { remove, add: coming.flatMap(elementsOf) };
}

function elementsOf({ rules, place }: Seated): readonly SetElement[] {
  return endpointElements(rules, place);
}

/** Whether two may have an element in common: those that name no port name a MAC or an address. */
function isAlike({ place: a }: Seated, { place: b }: Seated): boolean {
  return (
    a.mac === b.mac ||
    a.addresses.some(({ family, value }) => b.addresses.some((two) => two.family === family && two.value === value))
  );
}
