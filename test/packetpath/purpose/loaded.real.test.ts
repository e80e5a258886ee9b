import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { engines } from '../../../lab/roots.ts';
import { readHostRules } from '../../../src/host/rules.ts';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { RealTools } from '../real-tools.ts';
import { layoutListing, layoutNames, told } from './subjects.ts';

/**
 * Engines that cannot be had here are known by their rules alone: real programs load them, the kernel holds them, and what
 * it is said to hold is recognised as what was loaded.
 */
const layouts = layoutNames.filter((name) => name !== 'swarm.rules'); // xt_u32 and xt_policy are not in every kernel
const newest = engines.at(-1) ?? '28.5';

const loaders = layouts.flatMap((name): readonly (readonly [layout: string, ...command: string[]])[] => {
  if (name.endsWith('.nft')) return [[name, 'nft', '-f', '-']];
  const start = name.includes('ip6') ? 'ip6tables' : 'iptables';
  return [
    [name, `${start}-nft-restore`],
    [name, `${start}-legacy-restore`],
  ];
});

describe('the rules of each generation, held by the kernel', () => {
  test.each(loaders)('%s by %s', { timeout: 60_000 }, async (name, program, ...args) => {
    const tools = await RealTools.open(newest);
    try {
      if (name === '28.0.0.rules') await tools.must('ipset', ['create', 'docker-ext-bridges-v4', 'hash:net']);
      await tools.must(program, args, readFileSync(join(import.meta.dirname, 'layouts', name), 'utf8'));
      const listing = await readHostRules(async (lister, more) => tools.run(lister, more));
      const { layouts: found, unread } = explainListing(listing, null);
      const rules = told(explainListing(listing, null));
      const expected = told(explainListing(layoutListing(name), null));
      expect(unread).toEqual([]);
      expect(rules.filter(({ purpose }) => purpose.sureness !== 'exact').map(({ rule }) => rule.text)).toEqual([]);
      const texts = (list: typeof rules) =>
        list.map(({ table, chain, purpose }) => `${table} ${chain}: ${purpose.sentence}`).toSorted();
      expect(texts(rules)).toEqual(texts(expected));
      expect(found.map(({ versions }) => versions)).toEqual(
        explainListing(layoutListing(name), null).layouts.map(({ versions }) => versions),
      );
    } finally {
      tools.close();
    }
  });
});
