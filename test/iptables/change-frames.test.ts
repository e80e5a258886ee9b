import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bridgeText } from '../../src/iptables/change-frames.ts';
import type { EbRule, EbTable } from '../../src/iptables/model.ts';

const table = (chains: Readonly<Record<string, readonly EbRule[]>>): readonly EbTable[] => [
  { name: 'nat', jumps: [], chains: Object.entries(chains).map(([name, rules]) => ({ name, rules })) },
];
const leaf = (port: string): EbRule => ({
  matches: [{ kind: 'in', name: port }],
  target: { kind: 'jump', chain: `from-${port}` },
});
const drop = (port: string): EbRule => ({ matches: [{ kind: 'in', name: port }], target: { kind: 'drop' } });
const clear: EbRule = { matches: [], target: { kind: 'clear-mark', bit: 0x40000000 } };
const back: EbRule = { matches: [{ kind: 'mark', bit: 0x40000000, is: 'set' }], target: { kind: 'return' } };

/** What ebtables-restore --noflush does with chains: after each COMMIT what stands. */
function restored(chains: ReadonlyMap<string, readonly string[]>, text: string): readonly Map<string, string[]>[] {
  const now = new Map([...chains].map(([name, rules]) => [name, [...rules]]));
  const stands: Map<string, string[]>[] = [];
  for (const line of text.split('\n')) {
    const [word = '', chain = '', ...rest] = line.split(' ');
    const rules = now.get(chain);
    if (word.startsWith(':')) now.set(word.slice(1), []);
    else if (word === '-A') rules?.push(rest.join(' '));
    else if (word === '-F') rules?.splice(0);
    else if (word === '-X') now.delete(chain);
    else if (word === '-I') {
      const at = Number(rest[0]);
      if (rules === undefined || !(at >= 1 && at <= rules.length + 1)) throw new Error(line);
      rules.splice(at - 1, 0, rest.slice(1).join(' '));
    } else if (word === '-D') {
      const at = rules?.indexOf(rest.join(' ')) ?? -1;
      if (at < 0) throw new Error(line);
      rules?.splice(at, 1);
    } else if (word === 'COMMIT') stands.push(new Map([...now].map(([name, some]) => [name, [...some]])));
  }
  return stands;
}

const textsOf = (tables: readonly EbTable[]): Map<string, string[]> => {
  const [last] = restored(new Map(), bridgeText([], tables)).slice(-1);
  return last ?? new Map();
};

describe('what is said to ebtables', () => {
  test('somebody who comes deletes nothing, which the kernel would wait for', () => {
    const before = { main: [clear, leaf('veth1'), leaf('veth3'), back] };
    const after = { main: [clear, leaf('veth1'), leaf('veth2'), leaf('veth3'), leaf('veth4'), back] };
    expect(bridgeText(table(before), table(after))).toBe(
      '*nat\n-I main 3 -i veth2 -j from-veth2\n-I main 5 -i veth4 -j from-veth4\nCOMMIT\n',
    );
  });

  test('somebody who leaves takes his rule with him', () => {
    const before = { main: [clear, leaf('veth1'), leaf('veth2'), back], 'from-veth2': [drop('veth9')] };
    const after = { main: [clear, leaf('veth1'), back] };
    expect(bridgeText(table(before), table(after))).toBe(
      '*nat\n-D main -i veth2 -j from-veth2\n-F from-veth2\n-X from-veth2\nCOMMIT\n',
    );
  });

  test('what lets pass is never together with what stood in its place', () => {
    const proves = (port: string): EbRule => ({
      ...leaf(port),
      matches: [{ kind: 'source-mac', mac: '02:00:00:00:00:01' }],
    });
    const before = { main: [proves('veth1'), back] };
    const after = { main: [proves('veth2'), back] };
    expect(bridgeText(table(before), table(after))).toMatch(/^\*nat\n-F main\n(-A main .*\n){2}COMMIT\n$/);
  });

  const ports = fc.uniqueArray(fc.constantFrom('veth1', 'veth2', 'veth3', 'veth4', 'veth5', 'veth6', 'veth7'), {
    maxLength: 7,
  });
  const chain = fc.oneof(
    ports.map((names) => [clear, ...names.map(leaf), back]),
    ports.map((names) => names.map(leaf)),
    ports.map((names) => names.map(drop)),
    fc.constant([back, clear]),
    ports.map((names) => [clear, ...names.flatMap((name) => [leaf(name), leaf(name)]), back]),
    ports.map((names) => names.flatMap((name) => [drop(name), drop(name)])),
  );
  const chains = fc.dictionary(fc.constantFrom('a', 'b', 'c'), chain, { noNullPrototype: true });

  test('whatever stood, what is to stand stands after it; drops in any order', () => {
    fc.assert(
      fc.property(chains, chains, (before, after) => {
        const [from, to] = [table(before), table(after)];
        const said = bridgeText(from, to);
        const stands = restored(textsOf(from), said).at(-1) ?? textsOf(from);
        const isList = (name: string) => (after[name] ?? []).every(({ target }) => target.kind === 'drop');
        const sorted = (of: ReadonlyMap<string, readonly string[]>) =>
          [...of].map(([name, rules]) => [name, isList(name) ? rules.toSorted() : rules]).toSorted();
        expect(sorted(stands)).toEqual(sorted(textsOf(to)));
        if (said === '') expect(sorted(textsOf(from))).toEqual(sorted(textsOf(to)));
      }),
      { numRuns: 2_000 },
    );
  });

  test('between the two transactions a port leads where it led or is to lead, and nothing that drops is missing', () => {
    fc.assert(
      fc.property(chains, chains, (before, after) => {
        const [from, to] = [table(before), table(after)];
        const [first] = restored(textsOf(from), bridgeText(from, to));
        if (first === undefined) return;
        for (const [name, rules] of first) {
          const [was, is] = [textsOf(from).get(name) ?? [], textsOf(to).get(name) ?? []];
          for (const rule of rules) expect([...was, ...is]).toContain(rule);
          for (const rule of is) expect(rules).toContain(rule);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
