import { describe, expect, test } from 'vitest';
import { linkLocal6Set } from '../../src/ip/registry.ts';
import { interpret } from '../../src/nftables/interpret.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { Conversation, InterfaceView } from '../../src/nftables/packet.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { bridge, dockerBridge, endpoint, program, rulesetOf } from './rulesets.ts';
import { fresh, udp, view } from './views.ts';

/** On docker0 who is not known is judged as a build, which may send what it likes. */
const base = rulesetOf();
const builds = base.bridges.map((one) => ({
  ...one,
  name: dockerBridge.name,
  unknown: { kind: 'judge' as const, program: 'app', places: linkLocal6Set },
}));
const ruleset = rulesetOf({
  bridges: [...base.bridges, ...builds],
  endpoints: [endpoint(2, 'app'), endpoint(3, 'app')],
  programs: [program('app', { mode: 'off' })],
});
const tables = renderRuleset(ruleset);
const others: InterfaceView = { index: 70, name: 'br-others', kind: 'bridge' };

/** The mark of a conversation that begins with a datagram. */
function marked(from: string, to: string, via: InterfaceView, hook: 'forward' | 'input'): number {
  const packet = udp(from, to, 53);
  const out = hook === 'forward' ? via : null;
  const walk = interpret(tables, { family: 'inet', hook }, view(packet, { in: via, out, ct: fresh(packet) }), 0);
  expect(walk.verdict).toBe('accept');
  const ct: Conversation = walk.packet.ct;
  return ct.kind === 'entry' ? ct.mark : 0;
}

const [one, two] = ['fe80::42:acff:fe20:2', 'fe80::42:acff:fe20:3'];

describe.each(['forward', 'input'] as const)('what is said over link-local addresses, at %s', (hook) => {
  test('is doubtful on every bridge, enrolled or not, whoever says it', () => {
    for (const via of [others, dockerBridge, bridge]) {
      expect(marked(two, one, via, hook)).toBe(defaultMarks.doubtful);
      expect(marked('fd00:20::3', one, via, hook)).toBe(defaultMarks.doubtful);
      expect(marked(two, 'fd00:20::2', via, hook)).toBe(defaultMarks.doubtful);
    }
  });
});

test('other addresses are no concern of it', () => {
  expect(marked('fd00:29::3', 'fd00:29::2', others, 'forward')).toBe(0);
  expect(marked('172.29.0.3', '172.29.0.2', others, 'input')).toBe(0);
  expect(marked('fd00:20::3', 'fd00:20::2', bridge, 'forward')).toBe(0);
});
