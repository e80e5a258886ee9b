import type { Family } from '../ip/address.ts';
import { type AddressSet, intersectSets, isEmptySet, ofFamily, subtractSets } from '../ip/address-set.ts';
import { type Box, boxesOf, icmpOf } from '../ip/box.ts';
import type { L4, L4Match } from '../ip/protocol.ts';
import type { SourceRef } from '../policy/source.ts';
import { canonicalL4, setKey } from '../ruleset/clause.ts';

/** An entry of a list with its addresses as static rules can say them. */
export interface Resolved {
  /** Of one family only. */
  readonly set: AddressSet;
  readonly l4: L4Match;
  readonly until?: number;
  readonly entry: string;
  readonly source: SourceRef;
  /** Whether it means containers, by who they are. */
  readonly crowd: boolean;
}

/** What an entry allows, as boxes of addresses, protocols and ports. */
export function boxesOfResolved({ set, l4 }: Resolved): readonly Box[] {
  return boxesOf(set, l4);
}

/** Text that two share when they match the same packets for the same time. */
export function keyOf({ set, l4, until }: Resolved): string {
  const list = l4 === 'any' ? 'any' : l4.map(({ protocol, ports }) => `${protocol}:${ports.low}-${ports.high}`).join();
  return `${setKey(set)} ${list} ${until ?? ''}`;
}

/** What both lists allow. The words and the place are the first list's; the shorter time counts. */
export function meet(a: readonly Resolved[], b: readonly Resolved[], family: Family): readonly Resolved[] {
  const others = new Set(b.map(keyOf));
  const met = a.flatMap((left) =>
    others.has(keyOf(left))
      ? [left]
      : b.flatMap((right): readonly Resolved[] => {
          const set = intersectSets(left.set, right.set);
          const l4 = meetL4(left.l4, right.l4, family);
          if (ofFamily(set, family).length === 0 || (l4 !== 'any' && l4.length === 0)) return [];
          const until = earlier(left.until, right.until);
          const { until: _, ...rest } = left;
          return [{ ...rest, set, l4, ...(until === undefined ? {} : { until }), crowd: left.crowd && right.crowd }];
        }),
  );
  return withoutCovered([...new Map(met.map((one) => [keyOf(one), one])).values()]);
}

/** Without what another one allows anyway. */
function withoutCovered(list: readonly Resolved[]): readonly Resolved[] {
  const likeness = ({ l4, until }: Resolved) => JSON.stringify([l4, until ?? null]);
  return list.filter(
    (one) =>
      !list.some(
        (other) =>
          other !== one &&
          likeness(other) === likeness(one) &&
          isEmptySet(subtractSets(one.set, other.set)) &&
          !isEmptySet(subtractSets(other.set, one.set)),
      ),
  );
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

function meetL4(a: L4Match, b: L4Match, family: Family): L4Match {
  if (a === 'any') return b;
  if (b === 'any') return a;
  const number = ({ protocol }: L4) => (protocol === 'icmp' ? icmpOf(family) : protocol);
  return canonicalL4(
    a.flatMap((left) =>
      b.flatMap((right) => {
        const low = Math.max(left.ports.low, right.ports.low);
        const high = Math.min(left.ports.high, right.ports.high);
        return number(left) === number(right) && low <= high ? [{ protocol: left.protocol, ports: { low, high } }] : [];
      }),
    ),
  );
}
