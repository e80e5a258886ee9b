import { describe, expect, test } from 'vitest';
import { interpret } from '../../src/nftables/interpret.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { Table } from '../../src/nftables/model.ts';
import type { Conversation, IpHeader } from '../../src/nftables/packet.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { bridge, endpoint, program, rulesetOf } from './rulesets.ts';
import { ip, tcp, value, view } from './views.ts';

/** A container that may reach nobody. */
const one = endpoint(2, 'app');
const tables = renderRuleset(rulesetOf({ endpoints: [one, endpoint(3, 'app')], programs: [program('app')] }));
/** The same that may reach the host. */
const toHost = program('app', {
  allow: [
    {
      plane: 'host',
      to: { kind: 'addresses', set: rulesetOf().hostAddresses },
      l4: 'any',
      entry: 'host',
      source: program('app').otherwise,
    },
  ],
});
const tablesToHost = renderRuleset(rulesetOf({ endpoints: [one, endpoint(3, 'app')], programs: [toHost] }));
const now = Date.UTC(2026, 5, 1);

function error(from: string, to: string, quoted: string, type = from.includes(':') ? 1 : 3): IpHeader {
  return ip(from, to, from.includes(':') ? 58 : 1, { kind: 'icmp', type, quoted: value(quoted) });
}

function passes(
  packet: IpHeader,
  ct: Partial<Extract<Conversation, { kind: 'entry' }>>,
  rules: readonly Table[] = tables,
): boolean {
  const entry: Conversation = {
    kind: 'entry',
    state: 'related',
    direction: 'original',
    mark: 0,
    dnat: false,
    original: { family: packet.family, daddr: packet.daddr, dport: 9 },
    ...ct,
  };
  const seen = view(packet, { in: bridge, out: { index: 1, name: 'eth0' }, ct: entry });
  return interpret(rules, { family: 'inet', hook: 'forward' }, seen, now).verdict === 'accept';
}

describe.each([
  { own: '172.20.0.2', other: '172.20.0.3', peer: '192.0.2.1', gateway: '172.20.0.1', echo: 8 },
  { own: 'fd00:20::2', other: 'fd00:20::3', peer: '2001:db8::1', gateway: 'fd00:20::1', echo: 128 },
])('an error of $own', ({ own, other, peer, gateway, echo }) => {
  const ways = (['original', 'reply'] as const).map((direction) => ({ direction }));

  test('passes where it quotes what was sent to itself', () => {
    expect(ways.map((ct) => passes(error(own, peer, own), ct))).toEqual([true, true]);
  });

  test('does not where it quotes what was sent to somebody else, whose conversation conntrack takes it for', () => {
    expect(ways.map((ct) => passes(error(own, peer, other), ct))).toEqual([false, false]);
    expect(ways.map((ct) => passes(error(own, peer, peer), ct))).toEqual([false, false]);
  });

  test('does not where it belongs to nothing, or is no error', () => {
    expect(ways.map((ct) => passes(error(own, peer, own), { ...ct, state: 'new' }))).toEqual([false, false]);
    expect(ways.map((ct) => passes(error(own, peer, own, echo), ct))).toEqual([false, false]);
  });

  test('does not where somebody may have begun the conversation in the name of who is told', () => {
    const doubtful = ways.map((ct) => passes(error(own, peer, own), { ...ct, mark: defaultMarks.doubtful }));
    expect(doubtful).toEqual([false, false]);
  });

  test('does not where policy has taken away what it is about, and the entry is kept', () => {
    const forbidden = ways.map((ct) => passes(error(own, peer, own), { ...ct, mark: defaultMarks.forbidden }));
    expect(forbidden).toEqual([false, false]);
    const marksOfOthers = ways.map((ct) => passes(error(own, peer, own), { ...ct, mark: 0x67ff_ffff }));
    expect(marksOfOthers).toEqual([true, true]);
  });

  test('does not where somebody else was sent it by a port of the host that both may reach', () => {
    const family = own.includes(':') ? 6 : 4;
    const dnat = { dnat: true, original: { family, daddr: value(gateway), dport: 8080 } } as const;
    const errors = (quoted: string) =>
      ways.map((ct) => passes(error(own, peer, quoted), { ...ct, ...dnat }, tablesToHost));
    expect(errors(other)).toEqual([false, false]);
    expect(errors(own)).toEqual([true, true]);
    const packet = tcp(own, other, 80);
    expect(passes(packet, { ...dnat, state: 'new' }, tablesToHost)).toBe(true);
    expect(passes(packet, { ...dnat, state: 'established' }, tablesToHost)).toBe(true);
    const answer = { ...dnat, state: 'established', direction: 'reply', mark: defaultMarks.doubtful } as const;
    expect(passes(packet, answer, tablesToHost)).toBe(false);
  });

  test('is not free as an answer is', () => {
    const answer = ip(own, peer, 17, { kind: 'ports', sport: 53, dport: 4_000 });
    expect(passes(answer, { state: 'established', direction: 'reply' })).toBe(true);
    expect(passes(answer, { state: 'related', direction: 'reply' })).toBe(false);
  });
});
