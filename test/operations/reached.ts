import type { Rule, Statement, Table, Verdict } from '../../src/nftables/model.ts';

/** Names of a table's chains, sets and counters that some packet may come to, from its base chains on. */
export function reached({ chains, sets }: Table): ReadonlySet<string> {
  const rules = new Map<string, readonly Rule[]>(chains.map(({ name, rules: its }) => [`chain ${name}`, its]));
  const verdicts = new Map(
    sets.map(({ name, elements }) => [`set ${name}`, elements.flatMap(({ verdict }) => verdict ?? [])]),
  );
  const found = new Set<string>();
  const open = chains.filter(({ hook }) => hook !== undefined).map(({ name }) => `chain ${name}`);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    open.push(...(rules.get(next) ?? []).flat().flatMap(namesIn), ...(verdicts.get(next) ?? []).flatMap(chainOf));
  }
  return found;
}

function namesIn(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case 'match':
      return statement.value.kind === 'set' ? [`set ${statement.value.name}`] : [];
    case 'vmap':
      return [`set ${statement.map}`];
    case 'counter':
      return [`counter ${statement.name}`];
    case 'verdict':
      return chainOf(statement.verdict);
    default:
      return [];
  }
}

const chainOf = (verdict: Verdict): readonly string[] => ('chain' in verdict ? [`chain ${verdict.chain}`] : []);

/**
 * What stands without what is kept of workloads that have gone: chains, sets and counters that are not wanted, and that no
 * packet comes to.
 */
export function withoutKept(stands: readonly Table[], wanted: readonly Table[]): readonly Table[] {
  return stands.map((table) => {
    const want = wanted.find(({ family, name }) => family === table.family && name === table.name);
    const names = new Set([
      ...(want?.chains ?? []).map(({ name }) => `chain ${name}`),
      ...(want?.sets ?? []).map(({ name }) => `set ${name}`),
      ...(want?.counters ?? []).map((name) => `counter ${name}`),
    ]);
    const isReached = reached(table);
    const counts = (key: string) => names.has(key) || isReached.has(key);
    return {
      ...table,
      chains: table.chains.filter(({ name }) => counts(`chain ${name}`)),
      sets: table.sets.filter(({ name }) => counts(`set ${name}`)),
      counters: table.counters.filter((name) => counts(`counter ${name}`)),
    };
  });
}
