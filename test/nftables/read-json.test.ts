import { describe, expect, test } from 'vitest';
import { canonicalTables } from '../../src/nftables/canonical.ts';
import { ListingError } from '../../src/nftables/listing.ts';
import { listTable, readTables } from '../../src/nftables/read-json.ts';
import { back, goTo, inSet, is, range } from '../../src/nftables/statements.ts';
import { value } from './views.ts';

/** What nft lists, in short; the whole of it is read from real ones in the *.real.test.ts. */
const head = [{ metainfo: { version: '1.1.3' } }, { table: { family: 'inet', name: 'sluice', handle: 1 } }];
const of = (kind: string, object: object) => ({ [kind]: { family: 'inet', table: 'sluice', ...object } });
const read = (...items: readonly object[]) =>
  readTables({ nftables: [...head, ...items] }, new Map([['br-app', 7]]))[0];
const rule = (...expr: readonly unknown[]) =>
  read(of('chain', { name: 'c' }), of('rule', { chain: 'c', expr }))?.chains[0]?.rules[0];
const set = (object: object) => read(of('set', { name: 's', ...object }))?.sets[0];
const match = (left: object, right: unknown, op = '==') => ({ match: { op, left, right } });
const payload = (protocol: string, field: string) => ({ payload: { protocol, field } });
const keys = (elements: readonly { readonly key: unknown }[] | undefined) => elements?.map(({ key }) => key);

describe('values, as the versions of nft write them', () => {
  test('prefixes, ranges and single values of addresses, ports and protocols', () => {
    const read = set({
      type: ['ipv4_addr', 'inet_proto', 'inet_service'],
      flags: ['interval'],
      elem: [
        { concat: [{ prefix: { addr: '10.0.0.0', len: 24 } }, 'tcp', { range: [80, 90] }] },
        { concat: [{ range: ['10.0.1.0', '10.0.1.6'] }, 17, 53] },
      ],
    });
    expect(read).toMatchObject({ key: ['ipv4_addr', 'inet_proto', 'inet_service'], interval: true, data: 'none' });
    expect(keys(read?.elements)).toEqual([
      [range(value('10.0.0.0'), value('10.0.0.255')), range(6, 6), range(80, 90)],
      [range(value('10.0.1.0'), value('10.0.1.6')), range(17, 17), range(53, 53)],
    ]);
  });

  test('an interface by its name, and by its index when it is gone', () => {
    expect(keys(set({ type: 'iface_index', elem: ['br-app', '12'] })?.elements)).toEqual([
      [range(7, 7)],
      [range(12, 12)],
    ]);
    expect(() => set({ type: 'iface_index', elem: ['eth7'] })).toThrow('an interface that is not there: "eth7"');
    const named = () =>
      readTables(
        { nftables: [...head, of('set', { name: 's', type: 'iface_index', elem: ['12'] })] },
        new Map([['12', 3]]),
      );
    expect(named).toThrow('an interface whose name is a number');
  });

  test('the ports of a conversation in a set, which 1.0.6 has no type for', () => {
    const port = { ct: { key: 'proto-dst', dir: 'original' } };
    const right = { set: ['0x50 [invalid type]', { range: ['0x100 [invalid type]', '0x1ff [invalid type]'] }] };
    expect(rule(match(port, right))).toEqual([is('ct original proto-dst', 80, range(256, 511))]);
  });

  test('times, which are in UTC', () => {
    const before = match({ meta: { key: 'time' } }, '2030-03-17 17:46:40', '<');
    expect(rule(before)).toMatchObject([{ op: '<', value: { values: [range(1_900_000_000, 1_900_000_000)] } }]);
  });

  test('the raw payload of a neighbour discovery target, in all its spellings', () => {
    const elem = [{ concat: ['12', '02:42:ac:14:00:02', '0xfd000020000000000000000000000002'] }];
    const raw = { payload: { base: 'th', offset: 64, len: 128 } };
    const typeOf = { typeof: { concat: [{ meta: { key: 'iif' } }, payload('ether', 'saddr'), raw] } };
    for (const type of [['iface_index', 'ether_addr', 'integer'], typeOf])
      expect(set({ type, elem })).toMatchObject({ key: ['iface_index', 'ether_addr', 'nd_target'] });
    for (const field of [raw, payload('icmpv6', 'taddr')])
      expect(rule(match(field, '@s'))).toEqual([inSet('s', 'nd target')]);
  });
});

describe('rules, as nft rewrites them', () => {
  test('a port with its protocol is both', () => {
    expect(rule(match(payload('tcp', 'dport'), 80), { accept: null })).toEqual([
      is('meta l4proto', 6),
      is('th dport', 80),
      { kind: 'verdict', verdict: { kind: 'accept' } },
    ]);
  });

  test('the flags of a SYN, as 1.0.6 and later ones write them', () => {
    const flags = ['fin', 'syn', 'rst', 'ack'];
    for (const mask of [flags, { '|': flags }]) {
      const left = { '&': [payload('tcp', 'flags'), mask] };
      expect(rule(match(left, 'syn'), { return: null })).toEqual([{ kind: 'tcp-syn' }, back]);
    }
  });

  test('a way back that is missing, and no other question about routes', () => {
    const asked = (flags: readonly string[], result = 'oif') => ({ fib: { result, flags } });
    const read = rule(match(asked(['saddr', 'iif']), false), { return: null });
    expect(read).toEqual([{ kind: 'reverse-path', is: 'missing' }, back]);
    const others = [
      match(asked(['saddr', 'iif']), true),
      match(asked(['saddr', 'iif']), false, '!='),
      match(asked(['saddr']), false),
      match(asked(['saddr', 'mark', 'iif']), false),
      match(asked(['saddr', 'iif'], 'type'), 'local'),
    ];
    for (const other of others) expect(() => rule(other)).toThrow('routes');
  });

  test('marks that are asked and changed bit by bit', () => {
    const mark = { meta: { key: 'mark' } };
    expect(rule(match({ '&': [mark, 4] }, 0, '!='))).toEqual([{ kind: 'mark-bit', of: 'meta', bit: 4, is: 'set' }]);
    const clear = { mangle: { key: mark, value: { '&': [mark, 0xffff_fffb] } } };
    expect(rule(clear)).toEqual([{ kind: 'change-mark', of: 'meta', bit: 4, to: 'clear' }]);
    const ct = { ct: { key: 'mark' } };
    expect(rule({ mangle: { key: ct, value: { '|': [ct, 4] } } })).toEqual([
      { kind: 'change-mark', of: 'ct', bit: 4, to: 'set' },
    ]);
  });

  test('a protocol asked for anywhere before a port means the same', () => {
    const table = (...rules: Parameters<typeof canonicalTables>[0][number]['chains'][number]['rules']) =>
      canonicalTables([{ family: 'inet', name: 't', counters: [], sets: [], chains: [{ name: 'c', rules }] }]);
    const [protocol, where, port] = [is('meta l4proto', 6), inSet('s', 'ip daddr'), is('th dport', 80)];
    expect(table([protocol, where, port, goTo('x')])).toEqual(table([where, protocol, port, goTo('x')]));
    expect(table([where, port, goTo('x')])).not.toEqual(table([where, protocol, port, goTo('x')]));
    expect(table([where], [port])).not.toEqual(table([port], [where]));
  });
});

describe('what Sluice does not write is an error that says where', () => {
  const place = 'table "inet sluice": rule 1 of chain "c": ';

  test.each([
    ['a statement', { log: { prefix: 'x' } }],
    ['an anonymous counter', { counter: { packets: 0, bytes: 0 } }],
    ['a field', match(payload('ip', 'dscp'), 1)],
    ['a meta key', match({ meta: { key: 'skuid' } }, 0)],
    ['a conntrack key', match({ ct: { key: 'zone' } }, 0)],
    ['a comparison', match(payload('tcp', 'dport'), 80, '>=')],
    ['a mask', match({ '&': [payload('tcp', 'flags'), ['fin', 'syn']] }, 'syn')],
    ['a mark that is compared whole', match({ meta: { key: 'mark' } }, 1)],
    ['a changed value', { mangle: { key: { meta: { key: 'mark' } }, value: 1 } }],
    [
      'a mark from another',
      { mangle: { key: { meta: { key: 'mark' } }, value: { '|': [{ ct: { key: 'mark' } }, 1] } } },
    ],
    ['a key beside those known', { match: { op: '==', left: payload('ip', 'daddr'), right: '10.0.0.1', more: 1 } }],
    ['a word for a value', match(payload('icmp', 'type'), 'timestamp-request')],
    ['a protocol by a name of the host', match({ meta: { key: 'l4proto' } }, 'xns-idp')],
    ['a negative value', match(payload('tcp', 'dport'), -1)],
    ['a reversed range', match(payload('tcp', 'dport'), { range: [9, 8] })],
    ['host bits', match(payload('ip', 'daddr'), { prefix: { addr: '10.0.0.1', len: 8 } })],
    ['an address of the other family', match(payload('ip', 'daddr'), 'fd00::1')],
    ['a reject of another kind', { reject: { type: 'icmpx', expr: 'port-unreachable' } }],
    ['a conntrack status', match({ ct: { key: 'status' } }, 'snat', 'in')],
    ['an anonymous map', { vmap: { key: payload('ip', 'daddr'), data: { set: [] } } }],
    ['two statements in one', { accept: null, drop: null }],
    ['no statement', 'accept'],
  ])('%s', (_, statement) => {
    expect(() => rule(statement)).toThrow(ListingError);
    expect(() => rule(statement)).toThrow(place);
  });

  test.each([
    ['a chain of another policy', of('chain', { name: 'c', type: 'filter', hook: 'input', prio: 0, policy: 'drop' })],
    ['a chain of another type', of('chain', { name: 'c', type: 'nat', hook: 'input', prio: 0, policy: 'accept' })],
    ['a chain on another hook', of('chain', { name: 'c', type: 'filter', hook: 'ingress', prio: 0, policy: 'accept' })],
    ['a chain with a comment', of('chain', { name: 'c', comment: 'x' })],
    ['a set that forgets', of('set', { name: 's', type: 'ipv4_addr', flags: ['timeout'] })],
    ['a set with a counter for each element', of('set', { name: 's', type: 'ipv4_addr', stmt: [{ counter: null }] })],
    [
      'an element with a timeout',
      of('set', { name: 's', type: 'ipv4_addr', elem: [{ elem: { val: '10.0.0.1', timeout: 5 } }] }),
    ],
    ['a key of another length', of('set', { name: 's', type: ['ipv4_addr', 'inet_proto'], elem: ['10.0.0.1'] })],
    ['a type', of('set', { name: 's', type: 'mark' })],
    ['a map to something else than verdicts', of('map', { name: 'm', type: 'ipv4_addr', map: 'mark' })],
    ['a rule of no chain', of('rule', { chain: 'gone', expr: [] })],
    ['a flowtable', of('flowtable', { name: 'f' })],
    ['an object of another table', { chain: { family: 'inet', table: 'other', name: 'c' } }],
    ['a sleeping table', { table: { family: 'inet', name: 'other', flags: ['dormant'] } }],
    ['a table of another family', { table: { family: 'ip', name: 'sluice' } }],
  ])('%s', (_, object) => {
    expect(() => read(object)).toThrow(ListingError);
  });

  test('an answer that is none', () => {
    for (const answer of [null, [], {}, { nftables: {} }, 'x'])
      expect(() => readTables(answer, new Map())).toThrow(ListingError);
  });

  test('and says it in printable characters, however long and hostile the text was', () => {
    const hostile = `\u001b]0;x\u0007\u202e\n${'x'.repeat(500)}`;
    const message = (() => {
      try {
        rule({ log: { prefix: hostile } });
      } catch (error) {
        return (error as Error).message;
      }
      return '';
    })();
    expect(message).toMatch(/^[\x20-\x7e…]+$/);
    expect(message.length).toBeLessThan(300);
  });
});

test('listings are asked for with protocols as numbers', () => {
  expect(listTable('inet', 'sluice')).toEqual(['-j', '-p', 'list', 'table', 'inet', 'sluice']);
});
