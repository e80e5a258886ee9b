import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { setOfPrefixes } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import { changeTables, withElements } from '../../src/nftables/change.ts';
import type { Table } from '../../src/nftables/model.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped } from '../generate/worlds.ts';
import { endpoint, program, rulesetOf } from './rulesets.ts';

const app = program('app');
const clause = (prefix: string) => ({
  plane: 'forward' as const,
  to: { kind: 'addresses' as const, set: setOfPrefixes([prefixOf(prefix)]) },
  l4: 'any' as const,
  entry: prefix,
  source: app.otherwise,
});
const tables = (...running: readonly number[]) =>
  renderRuleset(rulesetOf({ programs: [app], endpoints: running.map((n) => endpoint(n, 'app')) }));

describe('a change of tables', () => {
  test('is none between tables that mean the same', () => {
    fc.assert(
      fc.property(arbitraryCase(0), ({ policy, world, ruleset }) => {
        const again = renderRuleset(compile(policy, world, caseTime).ruleset);
        expect(changeTables(renderRuleset(ruleset), again)).toBeNull();
      }),
      { numRuns: 50 },
    );
  });

  test('is one of elements when a container starts or stops, and makes of the one what the other is', () => {
    let elements = 0;
    fc.assert(
      fc.property(arbitraryCase(0), fc.nat(), ({ policy, world, ruleset }, which) => {
        const newcomer = world.containers[which % world.containers.length];
        fc.pre(newcomer !== undefined && newcomer.endpoints.length > 0);
        const stopped = compile(policy, withStopped(world, newcomer.id), caseTime).ruleset;
        const [without, present] = [renderRuleset(stopped), renderRuleset(ruleset)];
        for (const [from, to] of [
          [without, present],
          [present, without],
        ] as const) {
          const change = changeTables(from, to);
          if (newcomer.published.length === 0 && change !== null) expect(change.kind).toBe('elements');
          if (change?.kind !== 'elements') continue;
          elements++;
          expect(canonicalTables(withElements(from, change))).toEqual(canonicalTables(to));
        }
      }),
      { numRuns: 100 },
    );
    expect(elements).toBeGreaterThan(100);
  });

  test('takes away an element whose verdict changes, and adds it anew', () => {
    const entry = (id: string) =>
      renderRuleset(rulesetOf({ programs: [app, program('other')], endpoints: [endpoint(2, id)] }));
    const change = changeTables(entry('app'), entry('other'));
    expect(change?.kind).toBe('elements');
    if (change?.kind !== 'elements') return;
    const told = (list: typeof change.add) => list.map(({ set, element }) => [set, element.verdict]);
    const to = (id: string) =>
      ['forward4', 'host4', 'forward6', 'forward6', 'host6', 'host6'].map((set) => [
        set,
        { kind: 'goto', chain: `${set}/${id}` },
      ]);
    expect(told(change.remove)).toEqual(to('app'));
    expect(told(change.add)).toEqual(to('other'));
  });

  test('leaves what has not changed unsaid', () => {
    const before = renderRuleset(rulesetOf({ programs: [app, program('gone')], endpoints: [endpoint(2, 'app')] }));
    const after = renderRuleset(rulesetOf({ programs: [app, program('new')], endpoints: [endpoint(2, 'app')] }));
    const change = changeTables(before, after);
    expect(change?.kind).toBe('text');
    if (change?.kind !== 'text') return;
    expect(change.text).not.toContain('/app');
    expect(change.text).toContain('delete chain inet sluice forward4/gone\n');
    expect(change.text).toContain('chain forward4/new {');
  });

  test('fills new interval sets first where somebody is judged by them at once, and else in one transaction', () => {
    const wide = program('wide', { allow: [clause('10.0.0.0/8'), clause('192.168.0.0/16')] });
    const before = renderRuleset(rulesetOf({ programs: [app], endpoints: [endpoint(2, 'app')] }));
    const seat = renderRuleset(rulesetOf({ programs: [app, wide], endpoints: [endpoint(2, 'app')] }));
    const sender = renderRuleset(rulesetOf({ programs: [app, wide], endpoints: [endpoint(2, 'wide')] }));
    const elements = /elements = \{ 10\.0\.0\.0/;
    const forNobody = changeTables(before, seat);
    expect(forNobody).toMatchObject({ kind: 'text', before: '' });
    if (forNobody?.kind === 'text') expect(forNobody.text).toMatch(elements);
    const atOnce = changeTables(before, sender);
    if (atOnce?.kind !== 'text') throw new Error('a change of chains');
    expect(atOnce.before).toMatch(elements);
    expect(atOnce.text).not.toMatch(elements);
  });

  test('replaces a table whose names have got another meaning', () => {
    const [from, to] = [tables(2), tables(2)];
    const odd = from.map(
      (table): Table => ({
        ...table,
        sets: table.sets.map((set) => (set.name === 'ports' ? { ...set, interval: true } : set)),
      }),
    );
    const change = changeTables(odd, to);
    expect(change).toMatchObject({ kind: 'text', before: '' });
    if (change?.kind === 'text') expect(change.text).toContain('delete table inet sluice\n');
  });

  test('makes a table that does not stand, and takes one away that is not wanted', () => {
    expect(changeTables([], [])).toBeNull();
    const made = changeTables([], tables(2));
    expect(made?.kind === 'text' && made.text).toContain('table inet sluice {');
    expect(changeTables(tables(2), [])).toEqual({
      kind: 'text',
      before: '',
      text: 'delete table bridge sluice\ndelete table inet sluice\n',
    });
  });
});
