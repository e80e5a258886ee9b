import type { Explained, Maker } from '../../packetpath/purpose/types.ts';

export interface Counts {
  readonly chains: number;
  readonly rules: number;
  /** Rules by who made them; makers of none are left out. */
  readonly byMaker: Partial<Readonly<Record<Maker, number>>>;
  /** Rules and lines of which it is not known what they are for. */
  readonly unknown: number;
}

/** How much a listing holds; what could not be read counts as unknown. */
export function countsOf({ tables, unread }: Explained): Counts {
  const chains = tables.flatMap((table) => table.chains);
  const makers = chains.flatMap(({ rules }) => rules.map(({ purpose }) => purpose.maker));
  const byMaker: Partial<Record<Maker, number>> = {};
  for (const maker of makers) byMaker[maker] = (byMaker[maker] ?? 0) + 1;
  return { chains: chains.length, rules: makers.length, byMaker, unknown: (byMaker.unknown ?? 0) + unread.length };
}
