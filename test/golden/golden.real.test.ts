import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { removeTables } from '../../src/nftables/backend.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { meaning, readBack } from '../agreement/standing.ts';
import { engines, RealNft } from '../nftables/real-nft.ts';
import { readCase, rulesFile, topics } from './cases.ts';

test.each(engines)(
  'the nft beside engine %s takes every case, and what then stands is what was meant',
  async (engine) => {
    await using nft = await RealNft.open(engine);
    for (const topic of topics) {
      const answer = await nft.run(['-f', '-'], readFileSync(rulesFile(topic), 'utf8'));
      expect(answer, topic).toMatchObject({ code: 0, stderr: '' });
      const standing = await readBack(nft.run, new Map([['lo', 1]]));
      expect(meaning(standing), topic).toEqual(meaning(renderRuleset(readCase(topic).ruleset)));
      expect(await removeTables(nft.run)).toBe(true);
    }
  },
);
