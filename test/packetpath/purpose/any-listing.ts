import fc from 'fast-check';
import type {
  Action,
  Base,
  Chain,
  Condition,
  Listing,
  Rule,
  Step,
  Table,
  Verdict,
} from '../../../src/packetpath/model.ts';

/** Any listing the model can hold, with names that Docker's rules use among those that nobody does. */
const names = fc.oneof(
  fc.constantFrom(
    'FORWARD',
    'PREROUTING',
    'POSTROUTING',
    'OUTPUT',
    'DOCKER',
    'DOCKER-USER',
    'DOCKER-FORWARD',
    'DOCKER-INTERNAL',
  ),
  fc.constantFrom(
    'filter-forward-in__br1',
    'filter-forward-out__',
    'raw-PREROUTING',
    'ufw-user-input',
    '__proto__',
    'constructor',
  ),
  fc.string({ maxLength: 8 }),
);
const interfaces = fc.oneof(
  fc.constantFrom('br1', 'docker0', 'lo', 'eth0', 'br-0123456789ab'),
  fc.string({ maxLength: 6 }),
);
const number = fc.oneof(fc.bigInt({ min: 0n, max: 70000n }), fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }));
const field = fc.constantFrom(
  ...([
    'iifname',
    'oifname',
    'saddr',
    'daddr',
    'l4proto',
    'sport',
    'dport',
    'ct state',
    'daddr type',
    'mark',
    'other',
  ] as const),
);
const ref = fc.record(
  {
    field,
    mask: fc.bigInt({ min: 0n, max: 0xffffffffn }),
    only: fc.record(
      { family: fc.constantFrom(4 as const, 6 as const), protocol: fc.nat({ max: 255 }) },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['field'] },
);
const value = fc.oneof(
  interfaces.map((word) => ({ kind: 'word' as const, word })),
  interfaces.map((prefix) => ({ kind: 'prefix' as const, prefix })),
  fc.tuple(number, number).map(([a, b]) => ({ kind: 'range' as const, low: a < b ? a : b, high: a < b ? b : a })),
);
const tuples = fc.array(fc.array(value, { maxLength: 2 }), { maxLength: 3 });
const set = names.map((name) => ({ set: name }));

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({
    kind: fc.constant('among' as const),
    fields: fc.array(ref, { maxLength: 2 }),
    not: fc.boolean(),
    values: fc.oneof(set, tuples),
  }),
  fc.record({
    kind: fc.constant('any-of' as const),
    field: ref,
    not: fc.boolean(),
    words: fc.array(fc.constantFrom('established', 'related', 'new', 'dnat'), { maxLength: 3 }),
  }),
  fc.string().map((on) => ({ kind: 'depends' as const, on })),
  fc.string().map((text) => ({ kind: 'unknown' as const, text })),
);
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.constantFrom('accept' as const, 'drop' as const, 'return' as const, 'continue' as const).map((kind) => ({ kind })),
  fc.tuple(fc.constantFrom('jump' as const, 'goto' as const), names).map(([kind, chain]) => ({ kind, chain })),
  fc.constantFrom<Verdict>({ kind: 'queue' }, { kind: 'reject', with: '' }, { kind: 'unknown', text: '-j WHAT' }),
);
const ports = fc.option(fc.record({ low: fc.nat({ max: 65535 }), high: fc.nat({ max: 65535 }) }));
const nat = fc.record({
  address: fc.option(fc.bigInt({ min: 0n, max: 0xffffffffn }).map((bits) => ({ family: 4 as const, value: bits }))),
  ports,
  text: fc.string(),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom('count' as const, 'log' as const, 'notrack' as const, 'trace' as const).map((kind) => ({ kind })),
  fc.tuple(fc.constantFrom('dnat' as const, 'snat' as const), nat).map(([kind, to]) => ({ kind, to })),
  fc
    .tuple(fc.constantFrom('masquerade' as const, 'redirect' as const), ports)
    .map(([kind, some]) => ({ kind, ports: some })),
  fc.record({ kind: fc.constant('other' as const), text: fc.string(), certain: fc.boolean() }),
  fc.record({
    kind: fc.constant('set-mark' as const),
    of: fc.constant('packet' as const),
    value: number,
    mask: number,
  }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: condition.map((one) => ({ kind: 'condition' as const, condition: one })) },
  { weight: 3, arbitrary: verdict.map((one) => ({ kind: 'verdict' as const, verdict: one })) },
  action.map((one) => ({ kind: 'action' as const, action: one })),
  fc.record({
    kind: fc.constant('vmap' as const),
    fields: fc.array(ref, { maxLength: 2 }),
    entries: fc.oneof(set, fc.array(fc.record({ key: fc.array(value, { maxLength: 1 }), verdict }), { maxLength: 2 })),
  }),
);
const rule: fc.Arbitrary<Rule> = fc.record({
  place: fc.record({ number: fc.nat() }),
  text: fc.string({ unit: 'binary' }),
  comment: fc.option(fc.string()),
  counted: fc.constant(null),
  steps: fc.array(step, { maxLength: 5 }),
  lost: fc.array(fc.constantFrom('interfaces', 'protocol'), { maxLength: 1 }),
});
const base: fc.Arbitrary<Base> = fc.record({
  hook: fc.constantFrom(
    'ingress' as const,
    'prerouting' as const,
    'input' as const,
    'forward' as const,
    'output' as const,
    'postrouting' as const,
  ),
  priority: fc.integer({ min: -400, max: 400 }),
  type: fc.constantFrom('filter' as const, 'nat' as const, 'route' as const),
  policy: fc.constantFrom('accept' as const, 'drop' as const),
});
const chain: fc.Arbitrary<Chain> = fc.record({
  name: names,
  base: fc.option(base),
  rules: fc.array(rule, { maxLength: 5 }),
});
const table: fc.Arbitrary<Table> = fc.record({
  engine: fc.constantFrom('legacy' as const, 'nf_tables' as const, 'unknown' as const),
  family: fc.constantFrom(
    'ip' as const,
    'ip6' as const,
    'inet' as const,
    'bridge' as const,
    'arp' as const,
    'netdev' as const,
  ),
  name: fc.oneof(
    fc.constantFrom('filter', 'nat', 'raw', 'mangle', 'security', 'docker-bridges', 'docker-dns', 'sluice'),
    names,
  ),
  chains: fc.array(chain, { maxLength: 5 }),
  sets: fc.array(
    fc.record({
      name: names,
      fields: fc.array(field, { maxLength: 2 }),
      entries: fc.array(
        fc.record({ key: fc.array(value, { maxLength: 1 }), verdict: fc.option(verdict), except: fc.boolean() }),
        { maxLength: 2 },
      ),
      uncertain: fc.boolean(),
    }),
    { maxLength: 2 },
  ),
  partial: fc.boolean(),
});

export const anyListing: fc.Arbitrary<Listing> = fc.record({
  tables: fc.array(table, { maxLength: 4 }),
  unread: fc.array(fc.record({ line: fc.nat(), text: fc.string(), why: fc.string() }), { maxLength: 2 }),
});
