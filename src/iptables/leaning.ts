import type { XTable } from './model.ts';
import { chainPrefix } from './names.ts';

/** What it does to a packet to be in a set: it is let pass, or denied; or both, or something in between. */
type Leaning = 'allows' | 'denies' | 'unclear';

/** How the rules of one family ask for a set. */
export function leaningOf(set: string, tables: readonly XTable[]): Leaning {
  const found = new Set<Leaning>();
  for (const { chains } of tables)
    for (const { rules } of chains)
      for (const { matches, target } of rules)
        for (const match of matches) {
          if (match.kind !== 'set' || match.set !== set) continue;
          if (target === undefined) continue; // it counts
          const end = target.kind === 'drop' || ('chain' in target && target.chain === `${chainPrefix}deny`);
          const passes = 'chain' in target && target.chain === `${chainPrefix}pass`;
          const is: Leaning = end ? 'denies' : passes ? 'allows' : 'unclear';
          found.add(match.not === true && is !== 'unclear' ? (is === 'denies' ? 'allows' : 'denies') : is);
        }
  const [only] = found;
  return found.size === 1 && only !== undefined ? only : 'unclear';
}
