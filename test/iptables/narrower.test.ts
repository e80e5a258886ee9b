import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/ip/address.ts';
import { Numbering } from '../../src/iptables/dispatch.ts';
import { narrowerInIptables } from '../../src/iptables/narrower.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Clause, Program, Ruleset } from '../../src/ruleset/ruleset.ts';
import { readCase, topics } from '../golden/cases.ts';

/** What iptables holds more narrowly than a ruleset says is told, and nothing else is. */

const whole = { security: true };
const codesOf = (ruleset: Ruleset, facts = whole) => narrowerInIptables(ruleset, facts).map(({ code }) => code);

test.each(topics)('nothing is told of %s, which iptables holds as it is', (topic) => {
  expect(codesOf(readCase(topic).ruleset)).toEqual([]);
});

describe('permissions that end when iptables knows no time any more', () => {
  const { ruleset } = readCase('11-until');
  const ending = (until: number): Ruleset => {
    const later = (clause: Clause) => (clause.until === undefined ? clause : { ...clause, until });
    const programs = ruleset.programs.map((one) => ({
      ...one,
      allow: one.allow.map(later),
      except: one.except.map(later),
    }));
    return { ...ruleset, programs };
  };

  test('the last day that it can name is held', () => {
    expect(codesOf(ending(Date.UTC(2038, 0, 18, 23, 59, 59, 999)))).toEqual([]);
    expect(codesOf(ending(Date.UTC(2038, 0, 19, 4, 17, 8)))).toEqual([]);
    expect(codesOf(ending(Date.UTC(2038, 0, 19, 4, 17, 8, 1)))).toEqual(['until']);
  });

  test('the first of them is named with its place, and how many more there are', () => {
    const [told] = narrowerInIptables(ending(Date.UTC(2040, 0, 1)), whole);
    expect(told?.message).toMatch(
      /^iptables knows no time after 2038-01-19: ".+" \(policy\.yaml:\d+\)( is| and \d+ more are) allowed until then only$/,
    );
  });
});

describe('programs beyond those that have a number', () => {
  const { ruleset } = readCase('01-modes');
  const strict = ruleset.programs.find(({ mode, standing }) => mode === 'enforce' && standing === 'named') as Program;
  const many = (count: number): Ruleset => ({
    ...ruleset,
    endpoints: [],
    seats: [],
    programs: Array.from({ length: count }, (_, at) => ({ ...strict, id: `many/${at}` })),
  });

  test('are as many as get none', () => {
    expect(codesOf(many(4_093))).toEqual([]);
    expect(narrowerInIptables(many(4_100), whole)).toEqual([
      {
        code: 'programs',
        message:
          'with iptables 4093 programs have a number, and here are 4100: who is judged by one of the other 7 is denied everything',
      },
    ]);
    const chains = renderRuleset(many(4_100)).find(({ family }) => family === 'inet')?.chains ?? [];
    const numbering = new Numbering(chains, 'forward4');
    const without = many(4_100).programs.filter(({ id }) => numbering.number(`forward4/${id}`) === undefined);
    expect(without).toHaveLength(7);
  });

  test('who may send everything needs none', () => {
    const open = many(5_000).programs.map((program): Program => ({ ...program, mode: 'off', guard: [] }));
    expect(codesOf({ ...ruleset, programs: open })).toEqual([]);
  });
});

test('without a table security nobody is told that he is denied, which is told where policy says that he is', () => {
  const { ruleset } = readCase('01-modes');
  expect(codesOf({ ...ruleset, denied: 'reject' }, { security: false })).toEqual(['no-reject']);
  expect(codesOf({ ...ruleset, denied: 'drop' }, { security: false })).toEqual([]);
});

test('an address on more bridges than a set takes is named', () => {
  const { ruleset } = readCase('01-modes');
  const shared = parseAddress('fe80::42:acff:fe14:7777');
  const crowd = (count: number): Ruleset => ({
    ...ruleset,
    endpoints: Array.from({ length: count }, (_, at) => ({
      ...(ruleset.endpoints[0] as Ruleset['endpoints'][number]),
      bridge: { index: 1_000 + at, name: `br-${at}` },
      addresses: shared === undefined ? [] : [shared],
    })),
  });
  expect(codesOf(crowd(60))).toEqual([]);
  expect(narrowerInIptables(crowd(61), whole)).toEqual([
    {
      code: 'crowded',
      message:
        'a set of ipset takes an address on 60 bridges, and fe80::42:acff:fe14:7777 is on 61: who sends from it is denied, and nobody sends to it',
    },
  ]);
});
