import type { Family } from '../ip/address.ts';
import type { Table } from '../nftables/model.ts';
import type { Barred } from '../ruleset/ruleset.ts';
import type { Numbering, Numbers } from './dispatch.ts';
import { mangleTable } from './inet/judgement.ts';
import { filterTable, securityTable } from './inet/outcome.ts';
import { rawTable } from './inet/proof.ts';
import { type HostInterfaces, References } from './inet/references.ts';
import type { IpSet, XTable } from './model.ts';
import type { Names } from './names.ts';

/** What the kernel of this host can do, and what is on it. */
export interface HostFacts extends HostInterfaces {
  /** Whether there is a table `security`: without it a denied packet is dropped where it is judged, and told nothing. */
  readonly security: boolean;
}

/** What the tables of one family are made of. */
export interface InetSource {
  /** `table inet sluice` of nftables. */
  readonly inet: Table;
  readonly family: Family;
  /** Bridges and ports from which nothing passes. */
  readonly barred: readonly Barred[];
  readonly names: Names;
  readonly facts: HostFacts;
  /** Those of what stands, so that they stay. */
  readonly numbers: Numbers | undefined;
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
 * @throws TypeError when the table has no chain or set of a name that is asked for here, or says what iptables cannot
 * @throws NotHeldError when a set cannot be one of ipset
 */
export function inetRules({ inet, family, barred, names, facts, numbers }: InetSource): InetRules {
  const references = new References(inet, family, names, facts, numbers);
  const tables = [
    rawTable(references, barred),
    mangleTable(references, barred, facts.security),
    ...(facts.security ? [filterTable(references), securityTable(references)] : []),
  ];
  return { tables, sets: references.sets, numberings: references.numberings };
}
