import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/ip/address.ts';
import { parseAddress } from '../../src/ip/address.ts';
import { canonicalRule } from '../../src/iptables/compare.ts';
import { Numbering } from '../../src/iptables/dispatch.ts';
import { bridgeBetween } from '../../src/iptables/edit.ts';
import { layer2, type Place } from '../../src/iptables/layer2.ts';
import { decodeLoadable, encodeLoadable, variantOfText } from '../../src/iptables/loadable.ts';
import type { EbTable, XState } from '../../src/iptables/model.ts';
import { Names } from '../../src/iptables/names.ts';
import { renderWhole, renderXtables } from '../../src/iptables/render.ts';
import { stateText } from '../../src/iptables/text.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { readCase, topics } from '../golden/cases.ts';
import { facts } from './facts.ts';

const address = (text: string) => parseAddress(text) as Address;
const same = (name: string) => name;
const stateOf = (topic: string): XState => renderXtables(readCase(topic).ruleset, facts);

describe.each(topics)('the state of %s', (topic) => {
  const state = stateOf(topic);
  const tables = [...state.tables[4], ...state.tables[6]];

  test('refers only to chains and sets that it makes', () => {
    const sets = new Set(state.sets.map(({ name }) => name));
    for (const { chains, jumps, name } of tables) {
      const known = new Set(chains.map((chain) => chain.name));
      expect(known.size, name).toBe(chains.length);
      for (const { chain } of jumps) expect(known).toContain(chain);
      for (const { rules } of chains)
        for (const { matches, target } of rules) {
          if (target?.kind === 'jump' || target?.kind === 'goto') expect(known).toContain(target.chain);
          if (target?.kind === 'map-mark') expect(sets).toContain(target.set);
          for (const match of matches) if (match.kind === 'set') expect(sets).toContain(match.set);
        }
    }
    for (const { chains } of state.bridge) {
      const known = new Set(chains.map((chain) => chain.name));
      for (const { rules } of chains)
        for (const { target } of rules) if (target.kind === 'jump') expect(known).toContain(target.chain);
    }
  });

  test('accepts nothing: what passes goes on to other people', () => {
    expect(stateText(state, same)).not.toMatch(/-j ACCEPT/);
  });

  test('is the same again when it was kept as text', () => {
    const text = encodeLoadable(state, 'legacy');
    expect(variantOfText(text)).toBe('legacy');
    expect(decodeLoadable(text)).toEqual(state);
  });
});

test('without a table security, denied packets are dropped where they are judged', () => {
  const state = renderXtables(readCase('01-modes').ruleset, { ...facts, security: false });
  expect(state.tables[4].map(({ name }) => name)).toEqual(['raw', 'mangle']);
  expect(stateText(state, same)).not.toMatch(/REJECT|DOCKER-OUTBOUND-deny/);
});

test('an end that iptables cannot name comes early', () => {
  const { ruleset } = readCase('11-until');
  const far = Date.UTC(2040, 0, 1);
  const later: Ruleset = {
    ...ruleset,
    programs: ruleset.programs.map((program) => ({
      ...program,
      allow: program.allow.map((clause) => (clause.until === undefined ? clause : { ...clause, until: far })),
    })),
  };
  expect(later.programs.some(({ allow }) => allow.some(({ until }) => until === far))).toBe(true);
  const ends = stateText(renderXtables(later, facts), same).match(/--datestop \S+/g);
  expect(new Set(ends)).toEqual(new Set(['--datestop 2038-01-19T04:17:07']));
});

describe('ports are found by their names', () => {
  const placesOf = (count: number): readonly Place[] =>
    Array.from({ length: count }, (_, at) => ({
      port: `veth${((at * 2654435761) >>> 4).toString(16).padStart(7, '0').slice(0, 7)}`,
      mac: '02:42:ac:14:00:02',
      addresses: [address('172.20.0.2')],
      strict: true,
    }));

  /** How many rules a frame from a port is asked, until it is in the port's own chain. */
  function steps(table: EbTable, chain: string, port: string): number | null {
    let count = 0;
    for (const { matches, target } of table.chains.find(({ name }) => name === chain)?.rules ?? []) {
      count++;
      const [match] = matches;
      if (match?.kind !== 'in' || target.kind !== 'jump') continue;
      if (match.starts === undefined && match.name === port) return count;
      if (match.starts === true && port.startsWith(match.name)) {
        const below = steps(table, target.chain, port);
        return below === null ? null : count + below;
      }
    }
    return null;
  }

  test.each([[1], [8], [9], [1000]])('each of %i, in few steps', (count) => {
    const places = placesOf(count);
    expect(new Set(places.map(({ port }) => port)).size).toBe(count);
    const [nat] = layer2([], new Names())(places, []);
    const all = places.map(({ port }) => steps(nat as EbTable, 'DOCKER-OUTBOUND-FILTER', port));
    expect(all).not.toContain(null);
    expect(Math.max(...(all as number[]))).toBeLessThanOrEqual(count > 8 ? 49 : 9);
  });

  test('in few steps, too, where the names of some begin those of others', () => {
    const [first] = placesOf(1) as [Place];
    const places = Array.from({ length: 1000 }, (_, n) => ({ ...first, port: `veth${n}` }));
    const [nat] = layer2([], new Names())(places, []);
    const all = places.map(({ port }) => steps(nat as EbTable, 'DOCKER-OUTBOUND-FILTER', port) ?? Number.NaN);
    expect(Math.max(...all)).toBeLessThanOrEqual(64);
  });

  test('nor is a port that is told of many times a way without an end', () => {
    const places = Array.from({ length: 20 }, () => placesOf(1)[0] as Place);
    const [nat] = layer2([], new Names())(places, []);
    expect(steps(nat as EbTable, 'DOCKER-OUTBOUND-FILTER', (places[0] as Place).port)).not.toBeNull();
  });

  test('a port whose name begins another one keeps its own rule', () => {
    const names = ['veth1', 'veth12', 'veth123', 'vethA', 'vethB', 'vethC', 'vethD', 'vethE', 'vethF', 'vethG'];
    const places = names.map((port) => ({ ...(placesOf(1)[0] as Place), port }));
    const [nat] = layer2([], new Names())(places, []);
    for (const port of names) expect(steps(nat as EbTable, 'DOCKER-OUTBOUND-FILTER', port), port).not.toBeNull();
  });

  test('of who stays the chains are the same when another has come, and nothing of them is looked at again', () => {
    const places = placesOf(100);
    const names = new Names();
    const bridgeOf = layer2([], names);
    const chainsOf = (some: readonly Place[]) => bridgeOf(some, []).flatMap(({ chains }) => chains);
    const [before, after] = [new Set(chainsOf(places.slice(1))), chainsOf(places)];
    const called = new Set(places.flatMap(({ port }) => [names.chain(`from-${port}`), names.chain(`to-${port}`)]));
    const own = after.filter(({ name }) => called.has(name));
    expect(own).toHaveLength(200);
    expect(own.filter((chain) => !before.has(chain))).toHaveLength(2);
  });

  test('a name that would be read as another is refused', () => {
    const state = (port: string) =>
      stateText(
        { ...stateOf('01-modes'), bridge: layer2([], new Names())([{ ...(placesOf(1)[0] as Place), port }], []) },
        same,
      );
    for (const port of ['veth+', 'a b', '!x', '']) expect(() => state(port), port).toThrow(TypeError);
    expect(state('eth0.12@x')).toContain('-i eth0.12@x');
  });
});

describe('programs beyond those that have a number', () => {
  const chain = (n: number) => ({ name: `forward4/s${n}`, rules: [] });
  const verdict = (n: number) => ({ kind: 'goto', chain: `forward4/s${n}` }) as const;
  const programs = Array.from({ length: 5_000 }, (_, n) => chain(n));

  test('share one that leads nowhere, and everybody else keeps his own', () => {
    const before = new Numbering(programs.slice(0, 10), 'forward4');
    const numbering = new Numbering(programs, 'forward4', (_, target) => before.number(target));
    const marks = programs.map((_, n) => numbering.mark(verdict(n))?.value);
    expect(marks.slice(0, 10)).toEqual(programs.slice(0, 10).map((_, n) => before.mark(verdict(n))?.value));
    const beyond = marks.filter((mark) => mark === 0xfff << 16);
    expect([beyond.length, new Set(marks).size]).toEqual([5_000 - 4_093, 4_094]);
    // one of them gets a number once there is one, and none is remembered as theirs
    expect(numbering.number('forward4/s4999')).toBeUndefined();
    const names = new Names();
    const tree = numbering.tree('forward4', names, { kind: 'return' });
    const led = tree.flatMap(({ rules }) => rules.map(({ target }) => (target?.kind === 'goto' ? target.chain : '')));
    expect([4_000, 4_999].map((n) => led.includes(names.chain(`forward4/s${n}`)))).toEqual([true, false]);
  });
});

describe('a port from which nothing passes', () => {
  const { ruleset } = readCase('01-modes');
  const barring = (...ports: readonly string[]) =>
    renderWhole({ ...ruleset, barred: ports.map((name, at) => ({ name, index: 70 + at })) }, facts, new Names());
  const dropped = (tables: readonly EbTable[]) =>
    (
      tables.find(({ name }) => name === 'nat')?.chains.find(({ name }) => name === 'DOCKER-OUTBOUND-FILTER')?.rules ??
      []
    )
      .filter(({ target }) => target.kind === 'drop')
      .flatMap(({ matches }) => matches.map((match) => (match.kind === 'in' ? match.name : match.kind)));

  test('is dropped by ebtables before its sender is asked for', () => {
    const [first] = barring('veth77').state.bridge[0]?.chains[0]?.rules ?? [];
    expect(first).toEqual({ matches: [{ kind: 'in', name: 'veth77' }], target: { kind: 'drop' } });
  });

  test('is so between two states when it is in either', () => {
    const between = (a: readonly string[], b: readonly string[]) => {
      const { left, come } = bridgeBetween(barring(...a), barring(...b));
      return [dropped(left), dropped(come)];
    };
    expect(between([], ['veth77'])).toEqual([['veth77'], ['veth77']]);
    expect(between(['veth77'], [])).toEqual([['veth77'], ['veth77']]);
    expect(between(['veth77'], ['veth78'])).toEqual([
      ['veth77', 'veth78'],
      ['veth77', 'veth78'],
    ]);
    expect(between([], [])).toEqual([[], []]);
  });
});

test('rules are compared without order, module names, generations and spellings', () => {
  const pairs = [
    [
      '-p tcp -m set --match-set sluice-x.a dst -m mark --mark 0x10/0xff -j DROP',
      '-m mark --mark 0x10/0xff -m set --match-set sluice-x.zz dst -p tcp -j DROP',
    ],
    ['-s ! 02:00:00:00:00:02 -j DROP', '! -s 02:00:00:00:00:02 -j DROP'],
    ['-s 10.0.0.1/32 -p 47 -j RETURN', '-s 10.0.0.1 -p gre -j RETURN'],
    ['--ctorigdst ::10.0.0.0/104 -j RETURN', '--ctorigdst ::a00:0/104 -j RETURN'],
    ['-d ::100.100.100.200/128 -j RETURN', '-d ::6464:64c8 -j RETURN'],
  ] as const;
  for (const [a, b] of pairs) expect(canonicalRule(a)).toBe(canonicalRule(b));
  expect(canonicalRule('-s 10.0.0.1/32 -j DROP')).not.toBe(canonicalRule('! -s 10.0.0.1/32 -j DROP'));
  expect(canonicalRule('-j DROP')).not.toBe(canonicalRule('-j RETURN'));
});
