import { printTable } from '../../src/nftables/print-table.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Policy } from '../../src/policy/model.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { decodeRuleset, encodeRuleset } from '../../src/state/ruleset-text.ts';
import type { World } from '../../src/world/world.ts';

/** A policy that was accepted, for a world that was read: it compiles, is remembered as it is, and can be written for nft. */
export function comesIntoForce(policy: Policy, world: World, now: number): void {
  const { ruleset } = compile(policy, world, now);
  const text = encodeRuleset(ruleset);
  if (encodeRuleset(decodeRuleset(text)) !== text) throw new Error('what is remembered of it is something else');
  for (const table of renderRuleset(ruleset)) printTable(table);
}
