import { describe, expect, test } from 'vitest';
import { paintWith } from '../../src/cli/paint.ts';
import { type Agreement, agreement, fateOf } from '../../src/cli/path/agreement.ts';
import { tracedLines } from '../../src/cli/path/live.ts';
import type { PathEvent, PathTrace } from '../../src/nftables/path-trace.ts';
import type { RuleEngine } from '../../src/packetpath/model.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { through } from '../packetpath/walk/through.ts';

/** What the rules of a filter make of a packet from 172.18.0.2 to 192.168.5.5:22. */
function walked(rules: readonly string[], { engine = 'nf_tables' as RuleEngine, policy = 'ACCEPT' } = {}) {
  const text = ['*filter', `:FORWARD ${policy} [0:0]`, ':A - [0:0]', ...rules, 'COMMIT', ''].join('\n');
  return through(readListing(text, { engine }));
}

const rule = (chain: string, place: number | null, more: Partial<PathEvent> = {}): PathEvent => ({
  family: 'ip',
  table: 'filter',
  chain,
  rule: 'counter drop',
  handle: 40 + (place ?? 0),
  place,
  verdict: 'drop',
  ...more,
});
const accepting = (chain: string, place: number | null) => rule(chain, place, { verdict: 'accept' });
const policy = (chain: string, verdict: string): PathEvent => ({
  ...rule(chain, null),
  rule: null,
  handle: null,
  verdict,
});
const stopped = (...events: readonly PathEvent[]): PathTrace => ({
  began: ['prerouting', 'forward'],
  passed: ['prerouting'],
  events,
});
const through3 = ['prerouting', 'forward', 'postrouting'] as const;
const passed = (...events: readonly PathEvent[]): PathTrace => ({ began: through3, passed: through3, events });

const alike = (compared: string) => ({ agrees: true, compared });
const differs = (at: string) => ({ agrees: false, differs: at });

describe('a packet that the kernel stopped', () => {
  const rules = ['-A FORWARD -j A', '-A A -p udp -j DROP', '-A A -j DROP'];
  const inA = walked(rules);

  test('is as the walk says where the trace names its rule, or its policy', () => {
    expect(agreement(stopped(rule('A', 2)), inA)).toEqual(alike('rule'));
    const byPolicy = walked([], { policy: 'DROP' });
    expect(agreement(stopped(policy('FORWARD', 'drop')), byPolicy)).toEqual(alike('policy'));
  });

  test('is compared by its chain alone where the place of the traced rule could not be told', () => {
    expect(agreement(stopped(rule('A', null)), inA)).toEqual(alike('chain'));
  });

  test.each([
    ['of the chain', rule('A', 1)],
    ['in another chain', rule('FORWARD', 2)],
    ['in another table', rule('A', 2, { table: 'mangle' })],
    ['of another family', rule('A', 2, { family: 'inet' })],
  ])('is not as the walk says where the trace names another rule, %s', (_, event) => {
    expect(agreement(stopped(event), inA)).toEqual(differs('rule'));
  });

  test('is not as the walk says where a policy stopped it and the walk names a rule of that chain, or the other way', () => {
    expect(agreement(stopped(policy('FORWARD', 'drop')), walked(['-A FORWARD -j DROP']))).toEqual(differs('rule'));
    expect(agreement(stopped(rule('FORWARD', 1)), walked([], { policy: 'DROP' }))).toEqual(differs('rule'));
  });

  test('is known by the handle of its rule where the walk has it', () => {
    const chain = 'chain A { type filter hook forward priority 0; policy accept;\n counter drop # handle 7\n }';
    const native = through(readListing(`table ip filter {\n${chain}\n}\n`));
    expect(agreement(stopped(rule('A', null, { handle: 7 })), native)).toEqual(alike('rule'));
    expect(agreement(stopped(rule('A', 1, { handle: 8 })), native)).toEqual(differs('rule'));
  });

  describe('by a legacy table, which nothing traces', () => {
    const legacy = walked(rules, { engine: 'legacy' });

    test('is as the walk says at the hook that it came to last, and no more is said', () => {
      expect(agreement(stopped(), legacy)).toEqual(alike('hook'));
    });

    test.each<PathTrace>([
      { began: ['prerouting'], passed: [], events: [] },
      { began: ['prerouting'], passed: ['prerouting'], events: [] },
      { began: ['prerouting', 'input'], passed: ['prerouting'], events: [] },
      { began: ['prerouting', 'forward'], passed: ['prerouting', 'forward'], events: [] },
      { began: through3, passed: ['prerouting', 'forward'], events: [] },
    ])('is not as the walk says where it came elsewhere: $began, $passed', (trace) => {
      expect(agreement(trace, legacy)).toEqual(differs('hook'));
    });

    test('is not as the walk says where nf_tables stopped it', () => {
      expect(agreement(stopped(rule('A', 2)), legacy)).toEqual(differs('rule'));
    });

    test('is not as the walk says where that names a rule of nf_tables', () => {
      expect(agreement(stopped(), inA)).toEqual(differs('rule'));
    });
  });

  test('behind its last hook, in a chain of the bridge it left by, did not pass', () => {
    const trace = passed(rule('B', 1, { family: 'bridge' }));
    expect(fateOf(trace)).toBe('stopped');
    expect(agreement(trace, walked([]))).toEqual(differs('fate'));
  });

  test('is one of the ways of an answer that depends, or none of them', () => {
    const depends = walked(['-A FORWARD -m limit --limit 5/min -j DROP', '-A FORWARD -j A', '-A A -j ACCEPT']);
    expect(agreement(stopped(rule('FORWARD', 1)), depends)).toEqual(alike('rule'));
    expect(agreement(stopped(rule('A', 1)), depends)).toEqual(differs('rule'));
    expect(agreement(passed(accepting('A', 1)), depends)).toEqual(alike('rule'));
  });
});

describe('a packet that the kernel let pass', () => {
  const inA = walked(['-A FORWARD -j A', '-A A -j ACCEPT', '-A FORWARD -j DROP']);

  test('is not what the walk has stopped', () => {
    expect(agreement(passed(), walked(['-A FORWARD -j DROP']))).toEqual(differs('fate'));
  });

  test('is as the walk says where the rule that it names is among those that let it pass', () => {
    expect(agreement(passed(accepting('OTHER', 3), accepting('A', 1)), inA)).toEqual(alike('rule'));
    expect(agreement(passed(accepting('A', null)), inA)).toEqual(alike('chain'));
    expect(agreement(passed(policy('FORWARD', 'accept')), walked([]))).toEqual(alike('policy'));
  });

  test.each([[accepting('A', 2)], [policy('FORWARD', 'accept')]])(
    'is not as the walk says where it is not among them',
    (event) => expect(agreement(passed(event), inA)).toEqual(differs('rule')),
  );

  test('is compared by its last hook where the policy is one of a chain that nf_tables does not have', () => {
    const untouched = walked([]);
    expect(agreement(passed(policy('OTHER', 'accept')), untouched)).toEqual(alike('hook'));
    expect(agreement(passed(accepting('FORWARD', 1)), untouched)).toEqual(differs('rule'));
  });

  test('is compared by its last hook where a legacy table let it', () => {
    const legacy = walked(['-A FORWARD -j A', '-A A -j ACCEPT'], { engine: 'legacy' });
    expect(agreement(passed(), legacy)).toEqual(alike('hook'));
    const taken = ['prerouting', 'input'] as const;
    expect(agreement({ began: taken, passed: taken, events: [] }, legacy)).toEqual(differs('hook'));
  });
});

test('of a packet that was not seen nothing is said', () => {
  expect(agreement({ began: [], passed: [], events: [] }, walked([]))).toEqual({ agrees: null });
});

describe('the words', () => {
  const said = (found: Agreement, trace: PathTrace) =>
    tracedLines(
      { kernel: fateOf(trace), agreement: found, trace, source: '172.18.0.2' },
      { width: 300, paint: paintWith(false) },
    );

  test('claim the same rule only where it was compared', () => {
    const trace = stopped(rule('A', 2));
    const all = (['hook', 'chain', 'rule', 'policy'] as const).map(
      (compared) => said({ agrees: true, compared }, trace)[1],
    );
    const start = 'Live, from 172.18.0.2: the kernel stopped it at forward, as the walk says, and';
    expect(all).toEqual([
      `${start} at the same hook; the trace tells no more.`,
      `${start} in the same chain; which of its rules it was, could not be told.`,
      `${start} by the same rule.`,
      `${start} by the policy of the same chain.`,
    ]);
  });

  test('say where the two differ, and which rule the kernel traced last', () => {
    const trace = stopped(rule('A', 2));
    const all = (['fate', 'hook', 'rule'] as const).map((at) => said({ agrees: false, differs: at }, trace));
    expect(all.map((lines) => lines[1])).toEqual([
      'Live, from 172.18.0.2: the kernel stopped it at forward, which is NOT what the walk says.',
      'Live, from 172.18.0.2: the kernel stopped it at forward, but NOT at the hook that the walk names.',
      'Live, from 172.18.0.2: the kernel stopped it at forward, but NOT by the rule that the walk names.',
    ]);
    expect(all.map((lines) => lines[2])).toEqual(
      Array(3).fill('last rule of nf_tables: ip filter A 2: counter drop (drop)'),
    );
  });
});
