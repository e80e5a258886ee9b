import { afterAll, beforeAll, expect, test } from 'vitest';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { Random } from '../../agreement/random.ts';
import { faults, withFault } from './faults.ts';
import { Generator, type Variant, variants } from './generate.ts';
import { type Case, type Judged, judge } from './judge.ts';
import { load, readBack } from './load.ts';
import { Rig } from './rig.ts';
import { focuses } from './rules.ts';

/**
 * Generated rules of anybody in a namespace, and packets through them: what the walk says of each and what the kernel
 * did. `SLUICE_SEED` asks for other rules; a case is named by the seed of its rule set, its variant and its packet.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_125);
const setsEach = process.env['SLUICE_CAMPAIGN'] === 'full' ? 40 : Number(process.env['SLUICE_SETS'] ?? 12);
const probesEach = 40;

let rig: Rig;
const cases: Case[] = [];
/** The same cases by the rules as the programs list them. */
const readCases: Case[] = [];

beforeAll(async () => {
  rig = await Rig.open('26.1');
});
afterAll(() => rig?.[Symbol.asyncDispose]());

function describeCase({ rules, probe }: Case): string {
  const { from, to, proto, port } = probe;
  return `seed ${rules.seed}, ${rules.variant}: ${from} -> ${to} ${proto} ${port}`;
}

test.each(variants)('%s: the walk and the kernel agree', { timeout: 300_000 }, async (variant: Variant) => {
  const disagreements: string[] = [];
  for (let number = 0; number < setsEach; number++) {
    const own = seed + 1000 * variants.indexOf(variant) + number;
    const generator = new Generator(
      new Random(own),
      variant,
      number % 3 === 2 ? 6 : 4,
      focuses[number % focuses.length] ?? 'anything',
    );
    const rules = generator.make(own);
    await load(rig, rules);
    const listing = await readBack(rig, rules);
    expect(listing.unread, `seed ${own}`).toEqual([]);
    const probes = generator.probes(probesEach);
    const seen = await rig.send(probes);
    probes.forEach((probe, index) => {
      const one: Case = { rules, probe, seen: seen[index] as Case['seen'] };
      const read: Case = { ...one, rules: { ...rules, listing } };
      cases.push(one);
      readCases.push(read);
      for (const [how, each] of [
        ['meant', one],
        ['listed', read],
      ] as const) {
        const { walk, kernel } = judge(each, walkPacket);
        if (walk !== kernel) disagreements.push(`${describeCase(one)}, as ${how}: walk: ${walk}; kernel: ${kernel}`);
      }
    });
  }
  expect(disagreements).toEqual([]);
});

test('500 packets at least were judged, and a quarter of them each let through and stopped', () => {
  const sorts = cases.map((one) => judge(one, walkPacket).sort);
  const share = (sort: Judged['sort']) => sorts.filter((each) => each === sort).length / sorts.length;
  expect(sorts.length).toBeGreaterThanOrEqual(500);
  expect(share('accepted')).toBeGreaterThan(1 / 4);
  expect(share('dropped')).toBeGreaterThan(1 / 4);
});

test('of the rules as they are listed, hardly more cannot be judged than of those that were meant', () => {
  const uncertain = (list: readonly Case[]) => list.filter((one) => judge(one, walkPacket).sort === 'depends').length;
  expect(uncertain(readCases)).toBeLessThanOrEqual(uncertain(cases) + readCases.length / 100);
});

test.each(Object.entries(faults))('a fault in the walker is caught: %s', async (_, fault) => {
  const found = await withFault(fault, (walker, ask) =>
    cases.find((one) => {
      const { walk, kernel } = judge(one, walker, ask);
      return walk !== kernel;
    }),
  );
  expect(found).toBeDefined();
});
