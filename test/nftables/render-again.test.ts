import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderRuleset } from '../../src/nftables/render.ts';
import { joinShared, SharedSets } from '../../src/nftables/shared-sets.ts';
import { createCompiler } from '../../src/ruleset/compile.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';

test('what was rendered before comes out as if for the first time, and is the same objects', () => {
  fc.assert(
    fc.property(arbitraryCase(0), fc.nat(), ({ policy, world }, which) => {
      const compiler = createCompiler(policy);
      const newcomer = world.containers[which % world.containers.length];
      const worlds = [world, withStopped(world, newcomer?.id ?? ''), world];
      const rulesets = worlds.map((one) => compiler(one, caseTime).ruleset);
      const again = rulesets.map((ruleset) => renderRuleset(ruleset));
      // a copy shares no object with what was rendered before
      expect(again).toEqual(rulesets.map((ruleset) => renderRuleset(structuredClone(ruleset))));
      if (newcomer?.published.length !== 0) return; // what reaches a published port comes and goes with it
      const programs = (tables: (typeof again)[number] | undefined) =>
        tables?.flatMap(({ chains }) => chains).filter(({ name }) => name.startsWith('forward4/'));
      expect(programs(again[2])?.every((chain, at) => chain === programs(again[0])?.[at])).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('shared sets of one name and another content are not joined', () => {
  const sets = (high: bigint) => {
    const shared = new SharedSets();
    shared.addresses(4, [{ low: 1n, high }]);
    return shared.contents();
  };
  expect(joinShared([sets(2n), sets(2n), sets(3n)])).toHaveLength(2);
  const [one] = sets(2n);
  const [other] = sets(3n);
  if (one === undefined || other === undefined) throw new Error('no set');
  expect(joinShared([[one], [{ ...other, set: { ...other.set, name: one.set.name } }]])).toBeNull();
});
