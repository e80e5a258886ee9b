import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../ip/address.ts';
import type { Barred } from '../ruleset/ruleset.ts';
import type { Numbering } from './dispatch.ts';
import { mangleTable } from './inet/judgement.ts';
import { filterTable, securityTable } from './inet/outcome.ts';
import { rawTable } from './inet/proof.ts';
import { type HostInterfaces, isOfPlaces, type ReferenceSource, References } from './inet/references.ts';
import type { IpSet, XTable } from './model.ts';
import type { Names } from './names.ts';

/** What the kernel of this host can do, and what is on it. */
export interface HostFacts extends HostInterfaces {
  /** Whether there is a table `security`: without it a denied packet is dropped where it is judged, and told nothing. */
  readonly security: boolean;
}

/** What the tables of one family are made of. */
export interface InetSource extends ReferenceSource {
  /** Bridges and ports from which nothing passes. */
  readonly barred: readonly Barred[];
  readonly facts: HostFacts;
}

/** The tables of one family, and their sets. */
export interface InetRules {
  readonly tables: readonly XTable[];
  readonly sets: readonly IpSet[];
  /** By which each map of senders says where their packets go. */
  readonly numberings: ReadonlyMap<string, Numbering>;
}

/**
 * The chains of `table inet sluice` on one family, as iptables can have them. `raw` and `mangle` PREROUTING let through
 * from an enrolled bridge only what ebtables has proven; `mangle` FORWARD and INPUT judge; `filter` tells who is denied;
 * `security` drops whatever comes from an enrolled bridge and was not let pass, whoever accepted it on the way.
 *
 * Senders that come and go are elements of a few sets: where nothing else has changed since the time before, with the same
 * names, the tables are the same objects, and those sets alone are made again.
 *
 * @throws TypeError when the table has no chain or set of a name that is asked for here, or says what iptables cannot
 * @throws NotHeldError when a set cannot be one of ipset
 */
export function inetRules(source: InetSource): InetRules {
  const { names, family } = source;
  const kept = made.get(names) ?? {};
  made.set(names, kept);
  const before = kept[family];
  if (before !== undefined && makesSameRules(before, source)) {
    const sets = before.rules.sets.map((set) =>
      before.references.placesAgain(set, source.inet, source.facts.interfaces),
    );
    return { ...before.rules, sets };
  }
  const references = new References(source);
  const { barred, facts } = source;
  const tables = [
    rawTable(references, barred),
    mangleTable(references, barred, facts.security),
    ...(facts.security ? [filterTable(references), securityTable(references)] : []),
  ];
  const rules = { tables, sets: references.sets, numberings: references.numberings };
  // without numbers to keep they are others each time
  if (source.numbers !== undefined) kept[family] = { source, era: names.era, references, rules };
  return rules;
}

/** What was made last, and of what. */
interface Made {
  readonly source: InetSource;
  readonly era: number;
  readonly references: References;
  readonly rules: InetRules;
}

const made = new WeakMap<Names, Partial<Record<Family, Made>>>();

/** Whether nothing differs but who is where. */
function makesSameRules({ source: before, era, references, rules }: Made, now: InetSource): boolean {
  return (
    era === now.names.era &&
    before.facts.security === now.facts.security &&
    isDeepStrictEqual(before.facts.plainInterfaces, now.facts.plainInterfaces) &&
    isDeepStrictEqual(before.barred, now.barred) &&
    [...rules.numberings.values()].every((numbering) => numbering.isOf(now.numbers)) &&
    areSame(before.inet.chains, now.inet.chains, isDeepStrictEqual) &&
    areSame(
      references.asked(before.inet),
      references.asked(now.inet),
      (a, b) => (isOfPlaces(a) && isOfPlaces(b)) || isDeepStrictEqual(a, b),
    )
  );
}

/** In whatever order. Of a thousand programs' chains and sets most are the same objects. */
function areSame<T extends { readonly name: string }>(
  some: readonly T[],
  others: readonly T[],
  isSame: (one: T, other: T) => boolean,
): boolean {
  if (some.length !== others.length) return false;
  const there = new Map(some.map((one) => [one.name, one]));
  return others.every((other) => {
    const one = there.get(other.name);
    return one !== undefined && (one === other || isSame(one, other));
  });
}
