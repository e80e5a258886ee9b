import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generationOf, Names, nextGeneration, withGeneration } from '../../src/iptables/names.ts';

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_./-]{0,120}$/);

test('names fit into the kernel, are always the same, and no two are alike', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 50 }), (list) => {
      const names = new Names();
      const [chains, sets] = [list.map((one) => names.chain(one)), list.map((one) => names.set(one))];
      expect(Math.max(...chains.map(({ length }) => length))).toBeLessThanOrEqual(28);
      expect(Math.max(...sets.map((one) => withGeneration(one, 36 ** 4 - 1).length))).toBeLessThanOrEqual(31);
      expect(new Set(chains).size).toBe(list.length);
      expect(new Set(sets).size).toBe(list.length);
      expect(list.map((one) => names.chain(one))).toEqual(chains);
    }),
  );
});

test('a set is known by its generation, and the next one is free', () => {
  expect(generationOf(withGeneration('sluice-forward4', 77))).toEqual({ base: 'sluice-forward4', generation: 77 });
  expect(generationOf('blocklist.1')).toBeNull();
  expect(nextGeneration([])).toBe(0);
  expect(nextGeneration([3, 4])).toBe(5);
  expect(nextGeneration([36 ** 4 - 1, 0])).toBe(1);
});

test('names of what is gone are forgotten, once they are the most, and what stands keeps its own', () => {
  const names = new Names();
  const standing = ['a-chain-with-a-long-name', 'another'].map((one) => names.chain(one));
  for (let port = 0; port < 5_000; port++) names.chain(`from-veth${port}`);
  const gone = names.chain('from-veth7');
  names.forgetBeside(new Set(standing));
  expect([names.size, names.era]).toEqual([2, 1]);
  expect(names.chain('a-chain-with-a-long-name')).toBe(standing[0]);
  expect(names.chain('from-veth7')).toBe(gone);
  // a few are not worth the search
  names.forgetBeside(new Set(standing));
  expect([names.size, names.era]).toEqual([3, 1]);
});
