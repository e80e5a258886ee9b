import { describe, expect, test } from 'vitest';
import { KeptPrograms } from '../../src/daemon/kept-programs.ts';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import { changeTables } from '../../src/nftables/change.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { createCompiler } from '../../src/ruleset/compile.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { withoutKept } from '../operations/reached.ts';
import { now, policyOf, town } from '../ruleset/support.ts';

const policy = policyOf(`
projects:
  app: { allow: ["192.168.5.5:22", internet], services: { db: { allow: ["project/app/db:5432", "10.0.0.1:53/udp"] } } }
`);
const world = buildWorld({ ...town, containers: town.containers.map((one) => ({ ...one, published: [] })) });
const without = (name: string): World => ({
  ...world,
  containers: world.containers.filter((one) => one.name !== name),
});
const minutes = 60_000;

/** One world after the other; what changes in the kernel from each to the next. */
function changes(worlds: readonly { of: World; at: number; tidy?: boolean }[]) {
  const compiler = createCompiler(policy);
  const kept = new KeptPrograms();
  const rulesets = worlds.map(({ of, at, tidy = false }) => {
    if (tidy) kept.letGo(at);
    return kept.with(compiler(of, now).ruleset, at);
  });
  const rendered = rulesets.map((ruleset) => renderRuleset(ruleset));
  const kinds = rendered.slice(1).map((to, at) => changeTables(rendered[at] ?? [], to)?.kind ?? 'nothing');
  return { kinds, rulesets };
}

describe('a workload whose last container has gone', () => {
  const gone = without('app-db-1');

  test('leaves and comes back with elements alone', () => {
    const { kinds, rulesets } = changes([
      { of: world, at: 0 },
      { of: gone, at: 1 },
      { of: gone, at: 2 },
      { of: world, at: 3 },
    ]);
    expect(kinds).toEqual(['elements', 'nothing', 'elements']);
    expect(rulesets[3]).toEqual(rulesets[0]);
    // the very objects, so that nothing is rendered, compared or written down again
    expect(rulesets[3]?.programs.every((program, at) => program === rulesets[0]?.programs[at])).toBe(true);
  });

  test('leaves a program that nobody is judged by, and groups with nobody in them', () => {
    const compiled = createCompiler(policy)(gone, now).ruleset;
    const { rulesets } = changes([
      { of: world, at: 0 },
      { of: gone, at: 1 },
    ]);
    const [, kept] = rulesets;
    const more = kept?.programs.filter(({ id }) => compiled.programs.every((one) => one.id !== id)) ?? [];
    expect(more.map(({ id }) => id)).toEqual(['app/db']);
    expect({ ...kept, programs: [], groups: [] }).toEqual({ ...compiled, programs: [], groups: [] });
    expect(kept?.endpoints.some(({ program }) => program === 'app/db')).toBe(false);
    const emptied = kept?.groups.filter(({ id }) => compiled.groups.every((one) => one.id !== id)) ?? [];
    expect(emptied.length).toBeGreaterThan(0);
    expect(emptied.flatMap(({ members }) => members)).toEqual([]);
  });

  test('is let go after its time, all at once and not before', () => {
    const { kinds, rulesets } = changes([
      { of: world, at: 0 },
      { of: gone, at: 1 },
      { of: gone, at: 4 * minutes, tidy: true },
      { of: gone, at: 6 * minutes },
      { of: gone, at: 7 * minutes, tidy: true },
      { of: gone, at: 8 * minutes, tidy: true },
    ]);
    expect(kinds).toEqual(['elements', 'nothing', 'nothing', 'text', 'nothing']);
    expect(rulesets.at(-1)).toEqual(createCompiler(policy)(gone, now).ruleset);
  });

  test('that comes back has its whole time again when it goes again', () => {
    const { kinds } = changes([
      { of: world, at: 0 },
      { of: gone, at: 1 },
      { of: world, at: 4 * minutes },
      { of: gone, at: 5 * minutes },
      { of: gone, at: 8 * minutes, tidy: true },
    ]);
    expect(kinds.at(-1)).toBe('nothing');
  });
});

describe('a crowd that goes', () => {
  const compiler = createCompiler(policy);
  const [program] = compiler(world, now).ruleset.programs;
  if (program === undefined) throw new Error('a program');
  const nobody = { ...compiler(world, now).ruleset, endpoints: [], seats: [], programs: [] };
  /** So many programs, each with destinations on ports of its own. */
  const crowd = (name: string, count: number, elements: number) => ({
    ...nobody,
    programs: Array.from({ length: count }, (_, at) => ({
      ...program,
      id: `${name}/${at}`,
      guard: [],
      except: [],
      deny: [],
      allow: Array.from({ length: elements }, () => ({ ...firstOf(program.allow), l4: 'any' as const })),
    })),
  });
  const firstOf = <T>([first]: readonly T[]): T => {
    if (first === undefined) throw new Error('a clause');
    return first;
  };

  test('leaves what is held of those who are there, and of the crowd the youngest', () => {
    const kept = new KeptPrograms();
    for (let round = 0; round < 30; round++) {
      kept.with(crowd(`p${round}`, 250, 1_000), round);
      const left = kept.with(nobody, round);
      const weight = left.programs.reduce((sum, { allow }) => sum + allow.length, 0);
      expect(weight).toBeLessThanOrEqual(100_000);
      expect(left.programs.length).toBeGreaterThan(0);
      expect(left.programs.every(({ id }) => id.startsWith(`p${round}/`))).toBe(true);
    }
  });

  test('has at most five hundred, and none where newcomers need the numbers of iptables', () => {
    const kept = new KeptPrograms();
    for (let round = 0; round < 10; round++) {
      kept.with(crowd(`p${round}`, 400, 1), round);
      expect(kept.with(nobody, round).programs.length).toBe(round === 0 ? 400 : 500);
    }
    expect(kept.with(crowd('others', 3_900, 1), 11).programs.length).toBe(4_000);
    expect(kept.with(crowd('others', 4_093, 1), 12).programs.length).toBe(4_093);
    expect(kept.with(nobody, 13).programs.length).toBe(500);
  });
});

test('what a program says now counts, not what it said when it was kept', () => {
  const kept = new KeptPrograms();
  const [before, after] = ['10.0.0.1:53/udp', '10.0.0.2:53/udp'].map(
    (to) => createCompiler(policyOf(`projects: { app: { allow: ["${to}"] } }`))(world, now).ruleset,
  );
  if (before === undefined || after === undefined) throw new Error('two policies');
  kept.with(before, 0);
  kept.with({ ...before, endpoints: [], seats: [], programs: [] }, 1);
  expect(kept.with(after, 2)).toEqual(after);
});

test('another policy finds nothing of the one before', () => {
  const kept = new KeptPrograms();
  const compiler = createCompiler(policy);
  const gone = compiler(without('app-db-1'), now).ruleset;
  kept.with(compiler(world, now).ruleset, 0);
  kept.with(gone, 1);
  kept.forget();
  expect(kept.with(gone, 2)).toEqual(gone);
});

test('no packet comes to what is kept, and without it stands what was compiled', () => {
  const compiler = createCompiler(policy);
  const kept = new KeptPrograms();
  kept.with(compiler(world, now).ruleset, 0);
  const compiled = compiler(without('app-db-1'), now).ruleset;
  const [wanted, stands] = [compiled, kept.with(compiled, 1)].map((ruleset) => renderRuleset(ruleset));
  if (wanted === undefined || stands === undefined) throw new Error('two renderings');
  expect(canonicalTables(stands)).not.toEqual(canonicalTables(wanted));
  expect(canonicalTables(withoutKept(stands, wanted))).toEqual(canonicalTables(wanted));
});
