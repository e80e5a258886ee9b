import { describe, expect, test } from 'vitest';
import { agreement } from '../../src/cli/path/live.ts';
import type { PathEvent, PathTrace } from '../../src/nftables/path-trace.ts';
import type { RuleEngine } from '../../src/packetpath/model.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { through } from '../packetpath/walk/through.ts';

/** What the rules of a filter make of a packet from 172.18.0.2 to 192.168.5.5:22. */
function walked(rules: readonly string[], { engine = 'nf_tables' as RuleEngine, policy = 'ACCEPT' } = {}) {
  const text = ['*filter', `:FORWARD ${policy} [0:0]`, ':A - [0:0]', ...rules, 'COMMIT', ''].join('\n');
  return through(readListing(text, { engine }));
}

const drop = (chain: string, more: Partial<PathEvent> = {}): PathEvent => ({
  family: 'ip',
  table: 'filter',
  chain,
  rule: 'counter drop',
  verdict: 'drop',
  ...more,
});
const stopped = (...events: readonly PathEvent[]): PathTrace => ({
  began: ['prerouting', 'forward'],
  passed: ['prerouting'],
  events,
});
const passed: PathTrace = { began: ['forward', 'postrouting'], passed: ['forward', 'postrouting'], events: [] };

describe('a packet that the kernel stopped', () => {
  const inA = walked(['-A FORWARD -j A', '-A A -j DROP']);

  test('is as the walk says where the trace names the chain of its rule, or the policy', () => {
    expect(agreement(stopped(drop('A')), inA)).toEqual({ agrees: true, elsewhere: false });
    const byPolicy = walked([], { policy: 'DROP' });
    expect(agreement(stopped(drop('FORWARD', { rule: null })), byPolicy)).toEqual({ agrees: true, elsewhere: false });
  });

  test.each([drop('FORWARD'), drop('A', { table: 'mangle' }), drop('A', { family: 'inet' })])(
    'is not as the walk says where the trace names another chain',
    (event) => expect(agreement(stopped(event), inA)).toEqual({ agrees: false, elsewhere: true }),
  );

  test('is as the walk says where nothing traced says by which rule, as of legacy tables', () => {
    expect(agreement(stopped(), inA)).toEqual({ agrees: true, elsewhere: false });
  });

  test('is not as the walk says where nf_tables stopped it and the walk has a legacy table do so', () => {
    const legacy = walked(['-A FORWARD -j A', '-A A -j DROP'], { engine: 'legacy' });
    expect(agreement(stopped(drop('A')), legacy)).toEqual({ agrees: false, elsewhere: true });
  });

  test('is one of the ways of an answer that depends, or none of them', () => {
    const depends = walked(['-A FORWARD -m limit --limit 5/min -j DROP', '-A FORWARD -j A', '-A A -j ACCEPT']);
    expect(agreement(stopped(drop('FORWARD')), depends).agrees).toBe(true);
    expect(agreement(stopped(drop('A')), depends).agrees).toBe(false);
    expect(agreement(passed, depends).agrees).toBe(true);
  });
});

test('a packet that the kernel let pass is not what the walk has stopped', () => {
  expect(agreement(passed, walked(['-A FORWARD -j DROP']))).toEqual({ agrees: false, elsewhere: false });
  expect(agreement(passed, walked([]))).toEqual({ agrees: true, elsewhere: false });
});
