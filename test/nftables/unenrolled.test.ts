import { describe, expect, test } from 'vitest';
import { setOfPrefixes } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import { interpret } from '../../src/nftables/interpret.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { InterfaceView, PacketView } from '../../src/nftables/packet.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { bridge, endpoint, program, rulesetOf } from './rulesets.ts';
import { tcp, view } from './views.ts';

const held = setOfPrefixes(['172.20.0.0/16', 'fd00:20::/64'].map(prefixOf));

/** What becomes of a packet that arrives through an interface, and what counted it. */
function arriving(from: string, via: InterfaceView, changes: Partial<Ruleset> = {}, mark = 0): string {
  const tables = renderRuleset(rulesetOf({ held, knownBridges: ['virbr0'], ...changes }));
  const to = from.includes(':') ? '2001:db8::1' : '192.0.2.1';
  const packet = view(tcp(from, to, 443), { in: via, mark, ct: { kind: 'none', state: 'untracked' } });
  const { verdict, counters } = interpret(tables, { family: 'inet', hook: 'prerouting' }, packet, 0);
  return [verdict, ...counters].join(' ');
}

const unknown = { index: 70, name: 'br-new', kind: 'bridge' };
const known = { index: 71, name: 'virbr0', kind: 'bridge' };

describe('a packet from a bridge that is not enrolled', () => {
  test('is dropped when its source is a named project’s, also from a bridge that was known before', () => {
    for (const via of [unknown, known])
      for (const from of ['172.20.0.9', 'fd00:20::9']) expect(arriving(from, via)).toBe('drop held');
  });

  test('passes otherwise, unless unknown bridges are denied', () => {
    for (const from of ['172.21.0.9', 'fd00:21::9']) {
      expect(arriving(from, unknown)).toBe('accept');
      expect(arriving(from, unknown, { unknownBridges: 'deny' })).toBe('drop unknown-bridge');
      expect(arriving(from, known, { unknownBridges: 'deny' })).toBe('accept');
    }
  });
});

describe('a conversation that begins on a bridge that is not enrolled, whichever way it leaves', () => {
  const tables = renderRuleset(rulesetOf({ held }));
  const outs = [known, { ...bridge, kind: 'bridge' }, { index: 2, name: 'eth0' }];

  /** The conntrack marks of its packet by each way out. */
  function marks(via: InterfaceView, changes: Partial<PacketView>, from = '192.0.2.1'): readonly number[] {
    const packet = tcp(from, from.includes(':') ? 'fd00:20::2' : '172.20.0.2', 443);
    return outs.map((out) => {
      const seen = view(packet, { in: via, out, ...changes });
      const { ct } = interpret(tables, { family: 'inet', hook: 'forward' }, seen, 0).packet;
      return ct.kind === 'entry' ? ct.mark : 0;
    });
  }

  const missing = { reversePath: 'missing' } as const;

  test('is doubtful where no way back to who began it leads there', () => {
    const { doubtful } = defaultMarks;
    for (const from of ['192.0.2.1', '2001:db8::1'])
      expect(marks(known, missing, from)).toEqual([doubtful, doubtful, doubtful]);
  });

  test('so on an enrolled bridge, by whom it has been given, too', () => {
    const known = renderRuleset(
      rulesetOf({ endpoints: [endpoint(2, 'app')], programs: [program('app', { mode: 'off' })] }),
    );
    const marked = (changes: Partial<PacketView>) => {
      const seen = view(tcp('172.20.0.2', '172.20.0.3', 443), {
        in: { ...bridge, kind: 'bridge' },
        out: bridge,
        ...changes,
      });
      const { ct } = interpret(known, { family: 'inet', hook: 'forward' }, seen, 0).packet;
      return ct.kind === 'entry' ? ct.mark : 0;
    };
    expect([marked(missing), marked({ reversePath: 'there' })]).toEqual([defaultMarks.doubtful, 0]);
  });

  test('is none where one does, nor is what goes on, nor what comes from elsewhere', () => {
    expect(marks(known, { reversePath: 'there' })).toEqual([0, 0, 0]);
    const { ct } = view(tcp('192.0.2.1', '172.20.0.2', 443));
    expect(marks(known, { ...missing, ct: { ...ct, state: 'established' } as PacketView['ct'] })).toEqual([0, 0, 0]);
    expect(marks({ index: 2, name: 'eth0' }, missing)).toEqual([0, 0, 0]);
  });
});

test('what is no bridge, is enrolled or is proven, is no concern of it', () => {
  const deny = { unknownBridges: 'deny' } as const;
  expect(arriving('172.20.0.9', { index: 2, name: 'eth0' }, deny)).toBe('accept');
  expect(arriving('172.20.0.9', { index: 5, name: 'wg0', kind: 'wireguard' }, deny)).toBe('accept');
  expect(arriving('172.20.0.9', { ...bridge, kind: 'bridge' }, deny)).toBe('drop unproven');
  expect(arriving('172.20.0.9', { ...bridge, kind: 'bridge' }, deny, defaultMarks.proven)).toBe('accept');
});
