import type { Narrower } from '../ruleset/narrower.ts';
import type { View } from './view.ts';
import { warningLines } from './warning-text.ts';

/** What is held more narrowly than policy says, with what holds it as it is. */
export function narrowerLines(narrower: readonly Narrower[], view: View): readonly string[] {
  return warningLines(
    narrower.map(({ message }) => `${message}; where there is nft: sluice apply --backend nftables`),
    view,
  );
}
