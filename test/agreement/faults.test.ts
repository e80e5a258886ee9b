import { beforeAll, describe, expect, test } from 'vitest';
import { checksOf } from './checks.ts';
import { faults } from './faults.ts';
import { generated, golden, instants, type Scenario } from './subjects.ts';

let scenarios: readonly Scenario[];
beforeAll(() => {
  scenarios = [...golden(240), ...generated(10, 20, 20)];
});

/** The first disagreement that a changed renderer would cause. */
function caught(change: (tables: Scenario['tables']) => Scenario['tables']): string | undefined {
  for (const scenario of scenarios) {
    const tables = change(scenario.tables);
    for (const now of instants(scenario))
      for (const packet of scenario.packets)
        for (const { kind, expected, got } of checksOf({ ...scenario, tables, now }, packet))
          if (expected !== got) return `${scenario.name}, ${kind}: ${expected}, rules: ${got}`;
  }
  return undefined;
}

describe('mistakes planted in the renderer are caught', () => {
  test('there are ten at least, and without one nothing is', () => {
    expect(Object.keys(faults).length).toBeGreaterThanOrEqual(10);
    expect(caught((tables) => tables)).toBeUndefined();
  });

  test.each(Object.entries(faults))('%s', (_, fault) => {
    expect(caught(fault)).toBeDefined();
  });
});
