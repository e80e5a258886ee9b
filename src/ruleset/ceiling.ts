import { addressOf } from '../ip/address.ts';
import { everyAddress, isEmptySet, setOfAddresses } from '../ip/address-set.ts';
import { type Box, boxesOf, coversBoxes } from '../ip/box.ts';
import { addressesOf, type GroupAddresses } from './clause.ts';
import { type Crowd, crowdContains } from './crowd.ts';
import type { Clause } from './ruleset.ts';

/** What comparing permissions asks of identities. */
export interface Identities {
  readonly crowds: ReadonlyMap<string, Crowd>;
  readonly addresses: GroupAddresses;
}

/**
 * Stands for whoever is in a crowd, now or later. Link-local, because no allow by address reaches that on the forward
 * plane: only `any` and a crowd that contains this one do.
 */
const somebody = setOfAddresses([addressOf(6, (0xfe80n << 112n) | 0xffff_ffff_ffff_ffffn)]);

/**
 * Until when everything that a clause permits is permitted by a list of others as well: Infinity when for good,
 * undefined when it is not at all. Addresses are compared as sets of packets; a crowd lies inside a crowd by
 * definition, not by who happens to run: what is refused must not depend on what is started.
 */
export function permittedUntil(clause: Clause, by: readonly Clause[], identities: Identities): number | undefined {
  const { to } = clause;
  if (to.kind === 'addresses' && isEmptySet(to.set)) return Number.POSITIVE_INFINITY;
  const wanted = boxesOf(to.kind === 'addresses' ? to.set : somebody, clause.l4);
  const inner = to.kind === 'group' ? identities.crowds.get(to.group) : undefined;
  const reach = (other: Clause): readonly Box[] => {
    if (inner === undefined) return boxesOf(addressesOf(other, identities.addresses), other.l4);
    if (other.to.kind === 'addresses') return boxesOf(other.to.set, other.l4);
    const outer = identities.crowds.get(other.to.group);
    return outer !== undefined && crowdContains(outer, inner) ? boxesOf(everyAddress, other.l4) : [];
  };
  return coveredUntil(
    wanted,
    by.filter(({ plane }) => plane === clause.plane),
    reach,
  );
}

/** The latest instant until which clauses that still count then cover a region; undefined when they never do. */
export function coveredUntil(
  region: readonly Box[],
  clauses: readonly Clause[],
  reach: (clause: Clause) => readonly Box[],
): number | undefined {
  const end = ({ until }: Clause) => until ?? Number.POSITIVE_INFINITY;
  const ends = [...new Set(clauses.map(end))].toSorted((a, b) => b - a);
  if (region.length === 0) return Number.POSITIVE_INFINITY;
  return ends.find((instant) => coversBoxes(clauses.filter((clause) => end(clause) >= instant).flatMap(reach), region));
}

/** The same clause, ending no later than an instant. */
export function endingBy(clause: Clause, instant: number): Clause {
  return instant >= (clause.until ?? Number.POSITIVE_INFINITY) ? clause : { ...clause, until: instant };
}
