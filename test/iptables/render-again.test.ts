import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Names } from '../../src/iptables/names.ts';
import { type Rendered, renderWhole } from '../../src/iptables/render.ts';
import { createCompiler } from '../../src/ruleset/compile.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';
import { facts } from './facts.ts';

test('what was rendered before comes out as if for the first time, and is the same objects', {
  timeout: 180_000,
}, () => {
  fc.assert(
    fc.property(arbitraryCase(0), fc.nat(), ({ policy, world }, which) => {
      const compiler = createCompiler(policy);
      const one = world.containers[which % world.containers.length];
      const worlds = [world, withStopped(world, one?.id ?? ''), world];
      const names = new Names();
      const again: Rendered[] = [];
      for (const { ruleset } of worlds.map((now) => compiler(now, caseTime))) {
        const before = again.at(-1);
        again.push(renderWhole(ruleset, facts, names, before));
        // a copy with names of its own shares no object with what was rendered before
        const first = before === undefined ? undefined : { numbers: before.numbers, places: [] };
        const fresh = renderWhole(structuredClone(ruleset), facts, new Names(), first);
        expect(again.at(-1)?.state).toEqual(fresh.state);
        expect(again.at(-1)?.places).toEqual(fresh.places);
      }
      if (one?.published.length !== 0) return; // what reaches a published port comes and goes with it
      const [begun, , back] = again.map(({ state }) =>
        [4, 6].flatMap((family) =>
          state.tables[family as 4 | 6].flatMap(({ chains }) => chains.filter(({ name }) => name.includes('forward'))),
        ),
      );
      const own = begun?.filter(({ name }) => /forward[46]\//.test(name)) ?? [];
      expect(own.every((chain) => back?.includes(chain))).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('places that are the same are the same objects', () => {
  fc.assert(
    fc.property(arbitraryCase(0), fc.nat(), ({ policy, world }, which) => {
      const compiler = createCompiler(policy);
      const one = world.containers[which % world.containers.length];
      const names = new Names();
      const all = renderWhole(compiler(world, caseTime).ruleset, facts, names);
      const others = renderWhole(compiler(withStopped(world, one?.id ?? ''), caseTime).ruleset, facts, names, all);
      const there = new Set(all.places);
      const gone = new Set(one?.endpoints.flatMap(({ port }) => port?.name ?? []) ?? []);
      for (const place of others.places) {
        const before = all.places.find(({ port }) => port === place.port);
        // somebody else's address may be disputed no more
        if (before?.addresses.length === place.addresses.length && !gone.has(place.port))
          expect(there.has(place)).toBe(true);
      }
    }),
    { numRuns: 20 },
  );
});
