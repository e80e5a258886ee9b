import { describe, expect, test } from 'vitest';
import { changeState, type Stood } from '../../src/iptables/change.ts';
import { leaningOf } from '../../src/iptables/leaning.ts';
import type { IpSet, Match, Target, XRule, XState } from '../../src/iptables/model.ts';

const pass: Target = { kind: 'goto', chain: 'DOCKER-OUTBOUND-pass' };
const deny: Target = { kind: 'goto', chain: 'DOCKER-OUTBOUND-deny' };
const asks = (set: string, target: Target, more: Partial<Extract<Match, { kind: 'set' }>> = {}): XRule => ({
  matches: [{ kind: 'set', set, of: 'dst,dst', ...more }],
  target,
});
const set = (name: string, ...keys: readonly string[]): IpSet => ({
  name,
  type: 'hash:net,iface',
  family: 4,
  marks: false,
  elements: keys.map((key) => ({ key })),
});

function stateOf(sets: readonly IpSet[], rules: readonly XRule[]): XState {
  const mangle = { name: 'mangle', jumps: [], chains: [{ name: 'DOCKER-OUTBOUND-forward4/app', rules }] } as const;
  return { sets, tables: { 4: [mangle], 6: [] }, bridge: [] };
}

/** Nobody comes or goes. */
const none = { left: [], come: [] };

function stood(state: XState): Stood {
  return { state, generations: new Map(state.sets.map(({ name }) => [name, 0])) };
}

function inputs(before: XState, after: XState): readonly string[] {
  const change = changeState(stood(before), after, none, []);
  if (change === null) throw new Error('made anew');
  return change.steps.map((step) => (step.kind === 'inet' ? `inet ${step.input[4]}` : step.input));
}

test.each([
  ['lets pass', [asks('s', pass)], 'allows'],
  ['denies', [asks('s', deny)], 'denies'],
  ['lets pass what is not in it', [asks('s', deny, { not: true })], 'allows'],
  ['does either', [asks('s', deny), asks('s', pass)], 'unclear'],
  ['leads elsewhere', [asks('s', { kind: 'jump', chain: 'DOCKER-OUTBOUND-more' })], 'unclear'],
  ['is not asked', [asks('other', pass)], 'unclear'],
] as const)('a set that %s', (_, rules, leaning) => {
  expect(leaningOf('s', stateOf([], rules).tables[4])).toBe(leaning);
});

describe('a container that comes into several sets', () => {
  const [one, two] = ['10.0.0.1,br0', '10.0.0.2,br0'];

  test('is denied before it is allowed', () => {
    const rules = [asks('sluice-deny', deny), asks('sluice-allow', pass)];
    const before = stateOf([set('sluice-allow', one), set('sluice-deny')], rules);
    const after = stateOf([set('sluice-allow', one, two), set('sluice-deny', two)], rules);
    expect(inputs(before, after)).toEqual([`add sluice-deny.0 ${two} -exist\nadd sluice-allow.0 ${two} -exist\n`]);
    // and the other way round when it goes
    expect(inputs(after, before)).toEqual([`del sluice-allow.0 ${two} -exist\ndel sluice-deny.0 ${two} -exist\n`]);
  });

  test('that both allow and deny has them made anew, and the rules turn to them', () => {
    const rules = [asks('sluice-a', deny), asks('sluice-b', pass), asks('sluice-b', deny)];
    const before = stateOf([set('sluice-a', one), set('sluice-b', one)], rules);
    const after = stateOf([set('sluice-a', one, two), set('sluice-b', one, two)], rules);
    const [made = '', turned = '', ...more] = inputs(before, after);
    expect(made).toContain('create sluice-b.1 ');
    expect(made).toContain(`add sluice-b.1 ${two}`);
    expect(turned).toContain('--match-set sluice-b.1 dst,dst -g DOCKER-OUTBOUND-pass');
    expect([made, turned, ...more].join()).toContain(`add sluice-a.0 ${two}`);
    expect(changeState(stood(before), after, none, [])?.stale).toEqual(['sluice-b.0']);
  });
});

test('a set may change by as many elements as are held at all', () => {
  const rules = [asks('sluice-allow', pass)];
  const elements = Array.from({ length: 300_000 }, (_, at) => ({
    key: `10.${at >> 16}.${(at >> 8) & 255}.${at & 255},br0`,
  }));
  const none = set('sluice-allow');
  const [more = ''] = inputs(stateOf([none], rules), stateOf([{ ...none, elements }], rules));
  expect(more.split('\n')).toHaveLength(elements.length + 1);
});

test('a set that changes together with rules is made anew', () => {
  const before = stateOf([set('sluice-a', '10.0.0.1,br0')], [asks('sluice-a', pass)]);
  const after = stateOf([set('sluice-a', '10.0.0.2,br0')], [asks('sluice-a', deny)]);
  const [made = '', turned = ''] = inputs(before, after);
  expect(made).toContain('create sluice-a.1 ');
  expect(turned).toContain('sluice-a.1');
});

test('a sender that is judged by another program has its set made anew, and the rules turn to it', () => {
  const senders = (mark: number): IpSet => ({
    ...set('sluice-forward4'),
    marks: true,
    elements: [
      { key: '10.0.0.1,br0', mark: { value: mark, mask: 0x0fff_0000 } },
      { key: '10.0.0.2,br0', mark: { value: 0x0001_0000, mask: 0x0fff_0000 } },
    ],
  });
  const asked: XRule = { matches: [], target: { kind: 'map-mark', set: 'sluice-forward4' } };
  const before = stateOf([senders(0x0002_0000)], [asked, asks('sluice-a', deny)]);
  const after = stateOf([senders(0x0003_0000)], [asked, asks('sluice-a', pass)]);
  const [made = '', turned = '', ...more] = inputs(before, after);
  expect(made).toContain('add sluice-forward4.1 10.0.0.1,br0 skbmark 0x30000/0xfff0000');
  expect(turned).toContain('--map-set sluice-forward4.1');
  expect(more).toEqual([]);
});

test('a member of a list is never made anew behind its back', () => {
  const bridges = (...keys: string[]): readonly IpSet[] => [
    { ...set('sluice-bridges4', 'sluice-bridges4/0', 'sluice-bridges4/1'), type: 'list:set' },
    set('sluice-bridges4/0', ...keys.slice(0, 2)),
    set('sluice-bridges4/1', ...keys.slice(2)),
    { ...set('sluice-held-sources4', `10.0.${keys.length}.0/24`), type: 'hash:net' },
  ];
  const known = (...keys: string[]): readonly IpSet[] =>
    bridges(...keys).map((one) => ({
      ...one,
      name: one.name.replace('bridges', 'known-bridges'),
      elements: one.elements.map(({ key }) => ({ key: key.replace('bridges', 'known-bridges') })),
    }));
  const rules = [
    asks('sluice-bridges4', pass),
    asks('sluice-known-bridges4', deny),
    asks('sluice-known-bridges4', pass),
  ];
  const some = ['0.0.0.0/0,br0', '0.0.0.0/0,br1', '0.0.0.0/0,br2'];
  const [first = '', ...others] = some;
  const before = stateOf(bridges(...some), rules);
  const shifted = stateOf(bridges(first, '0.0.0.0/0,br9', ...others), rules);
  const said = inputs(before, shifted).join('');
  expect(said).not.toContain('create sluice-bridges4/');
  // one that goes from part to part is in one of them all the time
  expect(said.indexOf('add sluice-bridges4/1.0 0.0.0.0/0,br1')).toBeGreaterThan(-1);
  expect(said.indexOf('del sluice-bridges4/0.0 0.0.0.0/0,br1')).toBeGreaterThan(
    said.indexOf('add sluice-bridges4/1.0 0.0.0.0/0,br1'),
  );
  const change = changeState(stood(stateOf(known(...some), rules)), stateOf(known(first), rules), none, []);
  expect(change).toBeNull();
});

test('nothing is said between states that mean the same', () => {
  const state = stateOf([set('sluice-a', '10.0.0.1,br0')], [asks('sluice-a', pass)]);
  const again = stateOf([set('sluice-a', '10.0.0.1,br0')], [asks('sluice-a', pass)]);
  expect(inputs(state, again)).toEqual([]);
});

test('another hook is not a change', () => {
  const state = stateOf([], []);
  const tables = state.tables[4].map((table) => ({ ...table, jumps: [{ hook: 'INPUT', chain: 'X' } as const] }));
  expect(changeState(stood(state), { ...state, tables: { ...state.tables, 4: tables } }, none, [])).toBeNull();
});
