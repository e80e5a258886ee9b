import { describe, expect, test } from 'vitest';
import { applyChange, applyTables, removeTables } from '../../src/nftables/backend.ts';
import { changeTables } from '../../src/nftables/change.ts';
import type { Table } from '../../src/nftables/model.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { meaning, readBack } from '../agreement/standing.ts';
import { caseTime, sampleCases } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';
import { engines, RealNft } from './real-nft.ts';

/** Changes one after the other, each from what the one before left: by a real nft, into a real kernel. */
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 200 : 20;
const loopback = new Map([['lo', 1]]);

describe.each(engines)('the nft beside engine %s', (engine) => {
  test('makes of what stands what is wanted, by what differs alone', async () => {
    await using nft = await RealNft.open(engine);
    const kinds = { elements: 0, text: 0, prepared: 0 };
    let standing: readonly Table[] | null = null;
    for (const { name, tables } of steps(7000 + engines.indexOf(engine))) {
      if (standing === null) await applyTables(tables, nft.run);
      else {
        const change = changeTables(standing, tables);
        if (change !== null) {
          kinds[change.kind]++;
          if (change.kind === 'text' && change.before !== '') kinds.prepared++;
          await applyChange(change, nft.run);
        }
      }
      expect(meaning(await readBack(nft.run, loopback)), name).toEqual(meaning(tables));
      standing = tables;
    }
    expect(kinds.elements).toBeGreaterThan(size / 2);
    expect(kinds.text).toBeGreaterThan(size / 2);
    expect(kinds.prepared).toBeGreaterThan(size / 4);
    expect(await removeTables(nft.run)).toBe(true);
  });
});

/** Generated cases, and between them one container that stops and runs again. */
function steps(seed: number): readonly { readonly name: string; readonly tables: readonly Table[] }[] {
  return sampleCases(seed, size, 0).flatMap(({ policy, world, ruleset }, number) => {
    const [first] = world.containers;
    const running = renderRuleset(ruleset);
    const stopped = renderRuleset(compile(policy, withStopped(world, first?.id ?? ''), caseTime).ruleset);
    return [
      { name: `case ${number}`, tables: running },
      { name: `case ${number}, the first container stopped`, tables: stopped },
      { name: `case ${number}, it runs again`, tables: running },
    ];
  });
}
