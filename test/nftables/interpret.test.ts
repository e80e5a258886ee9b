import { describe, expect, test } from 'vitest';
import { InterpretError, interpret } from '../../src/nftables/interpret.ts';
import type { Chain, NftSet, Rule, Statement, Table, Verdict } from '../../src/nftables/model.ts';
import {
  accept,
  back,
  count,
  drop,
  element,
  goTo,
  inSet,
  is,
  jump,
  named,
  notInSet,
  one,
  range,
  vmap,
} from '../../src/nftables/statements.ts';
import { arp, fresh, icmp, tcp, udp, value, view } from './views.ts';

const now = Date.UTC(2026, 5, 1);

function base(name: string, priority: number, ...rules: Rule[]): Chain {
  return { name, hook: { hook: 'forward', priority }, rules };
}

function chain(name: string, ...rules: Rule[]): Chain {
  return { name, rules };
}

function table(chains: readonly Chain[], sets: readonly NftSet[] = [], family: Table['family'] = 'inet'): Table {
  return { family, name: 't', counters: [], sets, chains };
}

const walk = (tables: readonly Table[], packet = view(tcp('10.0.0.1', '10.0.0.2', 80)), at = now) =>
  interpret(tables, { family: tables[0]?.family ?? 'inet', hook: 'forward' }, packet, at);

/** Whether one rule made of these statements matches the packet. */
const matches = (rule: Rule, packet = view(tcp('10.0.0.1', '10.0.0.2', 80)), sets: readonly NftSet[] = [], at = now) =>
  walk([table([base('b', 0, [...rule, drop])], sets)], packet, at).verdict === 'drop';

describe('the way through chains', () => {
  test('the end of a base chain is its policy, accept', () => {
    expect(walk([table([base('b', 0)])])).toMatchObject({ verdict: 'accept', trail: [] });
  });

  test('a rule that does not match leads to the next one', () => {
    const found = walk([table([base('b', 0, [is('th dport', 22), drop], [is('th dport', 80), count('c'), drop])])]);
    expect(found).toMatchObject({ verdict: 'drop', counters: ['c'], trail: [{ chain: 'b', rule: 1 }] });
  });

  test('an accept ends its base chain only: a later one may still drop', () => {
    const chains = [base('late', 10, [drop]), base('early', -10, [accept], [count('never')])];
    const found = walk([table(chains)]);
    expect(found.verdict).toBe('drop');
    expect(found.counters).toEqual([]);
    expect(found.trail.map((step) => step.chain)).toEqual(['early', 'late']);
  });

  test('a drop ends everything', () => {
    expect(walk([table([base('early', -10, [drop]), base('late', 10, [count('never')])])]).counters).toEqual([]);
  });

  test('base chains of other hooks and of tables of another family are not visited', () => {
    const input: Chain = { name: 'i', hook: { hook: 'input', priority: 0 }, rules: [[drop]] };
    const found = interpret(
      [table([base('b', 0)]), table([input]), table([base('x', 0, [drop])], [], 'bridge')],
      { family: 'inet', hook: 'forward' },
      view(tcp('10.0.0.1', '10.0.0.2', 80)),
      now,
    );
    expect(found.verdict).toBe('accept');
  });

  test('a jump comes back after its chain, and after a return', () => {
    const chains = [
      base('b', 0, [jump('one')], [jump('two')], [count('after')]),
      chain('one', [count('in one')]),
      chain('two', [count('in two'), back], [count('never')]),
    ];
    expect(walk([table(chains)]).counters).toEqual(['in one', 'in two', 'after']);
  });

  test('a chain entered by goto returns to where the last jump came from', () => {
    const chains = [
      base('b', 0, [jump('one')], [count('after jump')]),
      chain('one', [goTo('two')], [count('never')]),
      chain('two', [count('in two')]),
    ];
    expect(walk([table(chains)]).counters).toEqual(['in two', 'after jump']);
  });

  test('a chain entered by goto from a base chain ends with the policy', () => {
    const chains = [base('b', 0, [goTo('one')], [drop]), chain('one', [back])];
    expect(walk([table(chains)]).verdict).toBe('accept');
  });

  test('what the kernel would refuse is an error: no such chain or set, chains that lead into themselves', () => {
    expect(() => walk([table([base('b', 0, [jump('gone')])])])).toThrow(InterpretError);
    expect(() => walk([table([base('b', 0, [inSet('gone', 'ip daddr'), drop])])])).toThrow('there is no set gone');
    expect(() => walk([table([base('b', 0, [vmap('gone', 'ip daddr')])])])).toThrow('there is no map gone');
    expect(() => walk([table([base('b', 0, [goTo('a')]), chain('a', [goTo('a')])])])).toThrow('into themselves');
    expect(() => walk([table([base('b', 0, [jump('a')]), chain('a', [jump('a')])])])).toThrow('too deeply');
  });

  test('a counter counts when it is reached, whether or not the rule goes on to match', () => {
    expect(walk([table([base('b', 0, [count('c'), is('th dport', 22), drop])])])).toMatchObject({
      verdict: 'accept',
      counters: ['c'],
      trail: [],
    });
  });

  test('a reject drops, and says how the sender is told', () => {
    const reject = (kind: 'tcp-reset' | 'admin-prohibited'): Statement => ({ kind: 'reject', with: kind });
    expect(walk([table([base('b', 0, [reject('tcp-reset')])])])).toMatchObject({
      verdict: 'drop',
      reject: 'tcp-reset',
    });
    expect(walk([table([base('b', 0, [drop])])]).reject).toBeNull();
  });

  test('marks that a rule changes are seen by later rules and by the next table', () => {
    const set: Statement = { kind: 'change-mark', of: 'meta', bit: 4, to: 'set' };
    const isSet: Statement = { kind: 'mark-bit', of: 'meta', bit: 4, is: 'set' };
    const found = walk([table([base('b', 0, [set])]), table([base('c', 1, [isSet, drop])])]);
    expect(found.verdict).toBe('drop');
    expect(found.packet.mark).toBe(4);
  });
});

describe('what a packet lacks makes a rule not match, whichever way it asks', () => {
  const v4 = view(tcp('10.0.0.1', '10.0.0.2', 80));
  const v6 = view(tcp('fd00::1', 'fd00::2', 80));
  const set6: NftSet = { name: 's', key: ['ipv6_addr'], interval: false, data: 'none', elements: [] };

  test('an address of the other family', () => {
    expect(matches([is('ip6 daddr', value('fd00::2'))], v6)).toBe(true);
    expect(matches([is('ip6 daddr', value('10.0.0.2'))], v4)).toBe(false);
    expect(matches([notInSet('s', 'ip6 daddr')], v6, [set6])).toBe(true);
    expect(matches([notInSet('s', 'ip6 daddr')], v4, [set6])).toBe(false);
  });

  test('ports of a later fragment, and of ICMP', () => {
    const fragment = { ...tcp('10.0.0.1', '10.0.0.2', 80), transport: { kind: 'none' } as const };
    expect(matches([is('th dport', range(0, 65535))], view(fragment))).toBe(false);
    expect(matches([is('th dport', range(0, 65535))], view(icmp('10.0.0.1', '10.0.0.2', 8)))).toBe(false);
  });

  test('an interface, a conversation', () => {
    expect(matches([is('oif', range(0, 99))], v4)).toBe(false);
    const none = { kind: 'none', state: 'untracked' } as const;
    expect(matches([is('ct direction', 0)], view(tcp('10.0.0.1', '10.0.0.2', 80), { ct: none }))).toBe(false);
    const clear: Statement = { kind: 'mark-bit', of: 'ct', bit: 1, is: 'clear' };
    expect(matches([clear], view(tcp('10.0.0.1', '10.0.0.2', 80), { ct: none }))).toBe(false);
    expect(matches([clear], v4)).toBe(true);
  });

  test('ICMP is of IPv4 and ICMPv6 of IPv6, also by number', () => {
    const wrong = { ...icmp('10.0.0.1', '10.0.0.2', 135), protocol: 58 };
    expect(matches([is('icmpv6 type', 135)], view(wrong))).toBe(false);
    expect(matches([is('icmpv6 type', 135)], view(icmp('fd00::1', 'fd00::2', 135)))).toBe(true);
    expect(matches([is('icmp type', 3)], view(icmp('10.0.0.1', '10.0.0.2', 3)))).toBe(true);
  });
});

describe('single statements', () => {
  const packet = view(tcp('10.0.0.1', '10.0.0.2', 80));

  test('sets: concatenations match part by part, intervals at both ends', () => {
    const set: NftSet = {
      name: 's',
      key: ['ipv4_addr', 'inet_proto', 'inet_service'],
      interval: true,
      data: 'none',
      elements: [element([range(value('10.0.0.2'), value('10.0.0.9')), one(6), range(80, 90)])],
    };
    const rule: Rule = [inSet('s', 'ip daddr', 'meta l4proto', 'th dport')];
    const hit = (to: string, port: number) => matches(rule, view(tcp('10.0.0.1', to, port)), [set]);
    expect([hit('10.0.0.2', 80), hit('10.0.0.9', 90)]).toEqual([true, true]);
    expect([hit('10.0.0.1', 80), hit('10.0.0.10', 80), hit('10.0.0.2', 79), hit('10.0.0.2', 91)]).not.toContain(true);
    expect(matches(rule, view(udp('10.0.0.1', '10.0.0.2', 80)), [set])).toBe(false);
    expect(() => matches([inSet('s', 'ip daddr')], packet, [set])).toThrow('another key');
  });

  test('a verdict map gives its verdict, and nothing for another key', () => {
    const map = (verdict: Verdict): NftSet => ({
      name: 'm',
      key: ['ifname'],
      interval: false,
      data: 'verdict',
      elements: [element([named('lo')], verdict)],
    });
    const rules = [[vmap('m', 'iifname')], [count('next')]];
    expect(walk([table([base('b', 0, ...rules)], [map({ kind: 'drop' })])]).verdict).toBe('drop');
    const other = view(tcp('10.0.0.1', '10.0.0.2', 80), { in: { index: 2, name: 'eth0' } });
    expect(walk([table([base('b', 0, ...rules)], [map({ kind: 'drop' })])], other).counters).toEqual(['next']);
  });

  test('meta time counts seconds and ends before the instant', () => {
    const until: Rule = [{ ...(is('meta time', 1_900_000_000) as Extract<Statement, { kind: 'match' }>), op: '<' }];
    expect(matches(until, packet, [], 1_899_999_999_999)).toBe(true);
    expect(matches(until, packet, [], 1_900_000_000_000)).toBe(false);
  });

  test('the SYN that opens a connection is no SYN-ACK and no other packet', () => {
    const flags = (tcpFlags: number) =>
      view({ ...tcp('10.0.0.1', '10.0.0.2', 80), transport: { kind: 'ports', sport: 1, dport: 80, tcpFlags } });
    const syn: Rule = [{ kind: 'tcp-syn' }];
    const opens = [0x02, 0x42, 0x12, 0x10, 0x03, 0x06].filter((bits) => matches(syn, flags(bits)));
    expect(opens).toEqual([0x02, 0x42]);
    expect(matches(syn, view(udp('10.0.0.1', '10.0.0.2', 80)))).toBe(false);
  });

  test('a way back is missing where it is told so, and for nothing that the host sends itself', () => {
    const missing: Rule = [{ kind: 'reverse-path', is: 'missing' }];
    const seen = view(udp('10.0.0.1', '10.0.0.2', 80));
    expect(matches(missing, seen)).toBe(false);
    expect(matches(missing, { ...seen, reversePath: 'missing' })).toBe(true);
    expect(matches(missing, { ...seen, reversePath: 'missing', in: null })).toBe(false);
  });

  test('conntrack: state, direction, DNAT and where the conversation was sent first', () => {
    const header = tcp('10.0.0.1', '172.17.0.2', 80);
    const entry = {
      ...fresh(header),
      dnat: true,
      original: { family: 4 as const, daddr: value('192.0.2.1'), dport: 8080 },
    };
    const turned = view(header, { ct: entry as typeof entry & { kind: 'entry' } });
    expect(matches([{ kind: 'ct-status', status: 'dnat' }], turned)).toBe(true);
    expect(matches([is('ct original ip daddr', value('192.0.2.1')), is('ct original proto-dst', 8080)], turned)).toBe(
      true,
    );
    expect(matches([is('ct original ip6 daddr', value('192.0.2.1'))], turned)).toBe(false);
    expect(matches([{ kind: 'ct-state', states: ['new', 'related'] }], turned)).toBe(true);
    expect(matches([{ kind: 'ct-state', states: ['invalid', 'untracked'] }], turned)).toBe(false);
    const untracked = view(header, { ct: { kind: 'none', state: 'untracked' } });
    expect(matches([{ kind: 'ct-state', states: ['invalid', 'untracked'] }], untracked)).toBe(true);
  });

  test('in the bridge family ARP and ICMPv6 are known by the EtherType: a VLAN tag hides them', () => {
    const bridge = (rule: Rule, packet: ReturnType<typeof view>) =>
      walk([table([base('b', 0, [...rule, drop])], [], 'bridge')], packet).verdict === 'drop';
    const question = arp(1, '02:42:ac:11:00:02', '172.17.0.2');
    const tagged = { saddr: 0n, type: 0x8100 };
    expect(bridge([is('arp operation', 1)], view(question))).toBe(true);
    expect(bridge([is('arp operation', 1)], view(question, { link: tagged }))).toBe(false);
    const advert = icmp('fd00::1', 'ff02::1', 136, 'fd00::1');
    expect(bridge([is('icmpv6 type', 136)], view(advert))).toBe(true);
    expect(bridge([is('icmpv6 type', 136)], view(advert, { link: tagged }))).toBe(false);
    expect(bridge([is('ip6 saddr', value('fd00::1'))], view(advert, { link: tagged }))).toBe(true);
  });
});
