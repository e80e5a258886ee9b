import { describe, expect, test } from 'vitest';
import { applyTables, removeTables } from '../../src/nftables/backend.ts';
import { engines, RealNft } from '../nftables/real-nft.ts';
import { checksOf } from './checks.ts';
import { meaning, readBack } from './standing.ts';
import { generated } from './subjects.ts';

/**
 * The same agreement by way of a kernel: rules printed, loaded by a real nft in the place of the ones before, listed,
 * read back, and walked.
 */
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 200 : 25;
const loopback = new Map([['lo', 1]]);

describe.each(engines)('the nft beside engine %s', (engine) => {
  test('holds exactly what was rendered, one ruleset after the other, and the evaluator agrees with it', async () => {
    await using nft = await RealNft.open(engine);
    const disagreements: string[] = [];
    let asked = 0;
    for (const scenario of generated(100 + engines.indexOf(engine), size, 8)) {
      await applyTables(scenario.tables, nft.run);
      const tables = await readBack(nft.run, loopback);
      expect(meaning(tables), scenario.name).toEqual(meaning(scenario.tables));
      for (const check of scenario.packets.flatMap((packet) => checksOf({ ...scenario, tables }, packet))) {
        asked++;
        if (check.expected !== check.got)
          disagreements.push(`${scenario.name}, ${check.kind}: ${check.about}: ${check.expected}, rules: ${check.got}`);
      }
    }
    expect(disagreements).toEqual([]);
    expect(asked).toBeGreaterThan(1_000);
    expect(await removeTables(nft.run)).toBe(true);
  });
});
