import { describe, expect, test } from 'vitest';
import type { Condition, Listing, Rule, Step } from '../../../src/packetpath/model.ts';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { layoutListing, layoutNames, told } from './subjects.ts';

/** Rules that differ from one in one thing. */
function mutants(rule: Rule): readonly (readonly [how: string, rule: Rule])[] {
  const withSteps = (steps: readonly Step[]): Rule => ({ ...rule, steps });
  const added = (condition: Condition) => withSteps([{ kind: 'condition', condition }, ...rule.steps]);
  const word = (text: string) => [[{ kind: 'word', word: text } as const]];
  return [
    [
      'on another mark',
      added({
        kind: 'among',
        fields: [{ field: 'ct mark' }],
        not: false,
        values: [[{ kind: 'range', low: 9n, high: 9n }]],
      }),
    ],
    [
      'for one owner',
      added({
        kind: 'among',
        fields: [{ field: 'skuid' }],
        not: false,
        values: [[{ kind: 'range', low: 0n, high: 0n }]],
      }),
    ],
    ['from one card', added({ kind: 'among', fields: [{ field: 'physin' }], not: false, values: word('eth9') })],
    ['now and then', added({ kind: 'depends', on: 'limit 3/minute' })],
    ['by a module that nobody knows', added({ kind: 'unknown', text: '-m geoip' })],
    ['without its columns', { ...rule, lost: ['interfaces'] }],
    ...rule.steps.flatMap((step, at) =>
      changes(step, rule).map(([how, changed]): [string, Rule] => [
        how,
        withSteps(rule.steps.toSpliced(at, 1, ...changed)),
      ]),
    ),
  ];
}

function changes(step: Step, rule: Rule): readonly (readonly [string, readonly Step[]])[] {
  if (step.kind === 'condition') {
    const { condition } = step;
    const as = (changed: Condition): readonly Step[] => [{ kind: 'condition', condition: changed }];
    if (condition.kind === 'among')
      return [
        [isImplied(condition, rule) ? 'without its protocol, which its port implies' : 'without a condition', []],
        ['with a condition turned round', as({ ...condition, not: !condition.not })],
        ['of several fields', as({ ...condition, fields: [...condition.fields, { field: 'other' }] })],
        ['with a set that is not listed', as({ ...condition, values: { set: 'elsewhere' } })],
        ...(Array.isArray(condition.values)
          ? [
              [
                'with one value more',
                as({ ...condition, values: [...condition.values, [{ kind: 'prefix', prefix: 'x' }]] }),
              ] as const,
            ]
          : []),
      ];
    if (condition.kind === 'any-of')
      return [
        ['without a condition', []],
        ['with a condition turned round', as({ ...condition, not: !condition.not })],
        ['in new conversations, too', as({ ...condition, words: [...condition.words, 'new'] })],
        ['in established conversations only', as({ ...condition, words: ['established'] })],
      ];
    return [];
  }
  if (step.kind === 'verdict') {
    const { verdict } = step;
    if (verdict.kind === 'jump')
      return [
        ['as goto', [{ kind: 'verdict', verdict: { kind: 'goto', chain: verdict.chain } }]],
        ['to another chain', [{ kind: 'verdict', verdict: { kind: 'jump', chain: 'ELSEWHERE' } }]],
      ];
    return [
      ['with a log', [{ kind: 'action', action: { kind: 'log' } }, step]],
      ['as a queue', [{ kind: 'verdict', verdict: { kind: 'queue' } }]],
      ['without verdict', []],
    ];
  }
  if (step.kind === 'action' && step.action.kind === 'masquerade')
    return [['to some ports', [{ kind: 'action', action: { kind: 'masquerade', ports: { low: 1, high: 2 } } }]]];
  return [];
}

function isImplied({ fields }: Extract<Condition, { kind: 'among' }>, { steps }: Rule): boolean {
  const [field] = fields;
  const implies = (step: Step) =>
    step.kind === 'condition' &&
    step.condition.kind === 'among' &&
    step.condition.fields.some(({ only }) => only?.protocol !== undefined);
  return field?.field === 'l4proto' && steps.some(implies);
}

describe.each(layoutNames)('rules that look like those of %s', (name) => {
  const listing = layoutListing(name);
  const original = told(explainListing(listing, null));

  test('and differ in one thing never get the sentence of the exact one', () => {
    let seen = 0;
    const wrong: string[] = [];
    for (const [at, { rule, purpose }] of original.entries())
      for (const [how, mutant] of mutants(rule)) {
        if (isSame(how, rule)) continue;
        const changed = told(explainListing(replaced(listing, rule, mutant), null))[at];
        seen++;
        if (changed === undefined || changed.purpose.sentence === purpose.sentence) wrong.push(`${how}: ${rule.text}`);
      }
    expect(wrong).toEqual([]);
    expect(seen).toBeGreaterThan(original.length * 6);
  });
});

/** Mutants that say the same: NAT ends the walk by itself, and who asks for a TCP port asks for TCP. */
function isSame(how: string, { steps }: Rule): boolean {
  const isNat = steps.some(
    (step) => step.kind === 'action' && ['dnat', 'snat', 'masquerade'].includes(step.action.kind),
  );
  return (how === 'without verdict' && isNat) || how === 'without its protocol, which its port implies';
}

function replaced({ tables, unread }: Listing, from: Rule, to: Rule): Listing {
  return {
    unread,
    tables: tables.map((table) => ({
      ...table,
      chains: table.chains.map((chain) => ({
        ...chain,
        rules: chain.rules.map((rule) => (rule === from ? to : rule)),
      })),
    })),
  };
}
