import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Listing, Rule } from '../../../src/packetpath/model.ts';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import type { Explained, Purpose } from '../../../src/packetpath/purpose/types.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';

/** The rules of each generation of engines, as their listings: networks docker0, br1, brnoicc (icc=false), brint (internal). */
export const layoutNames: readonly string[] = readdirSync(join(import.meta.dirname, 'layouts')).toSorted();

export function layoutText(name: string): string {
  return readFileSync(join(import.meta.dirname, 'layouts', name), 'utf8');
}

export function layoutListing(name: string): Listing {
  return readListing(layoutText(name));
}

export interface Told {
  readonly table: string;
  readonly chain: string;
  readonly rule: Rule;
  readonly purpose: Purpose;
}

/** Every rule with its purpose, in the order of the listing. */
export function told({ tables }: Explained): readonly Told[] {
  return tables.flatMap(({ table, chains }) =>
    chains.flatMap(({ chain, rules }) =>
      rules.map(({ rule, purpose }) => ({ table: table.name, chain: chain.name, rule, purpose })),
    ),
  );
}

/** What is said of the rules in iptables-save's text, without a world. */
export function toldOf(text: string): readonly Told[] {
  return told(explainListing(readListing(text), null));
}
