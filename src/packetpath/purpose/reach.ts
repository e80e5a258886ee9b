import type { Chain, HookName, Table, Verdict } from '../model.ts';

/** How the chains of a table hang together. */
export interface Links {
  /** Chains that lead to one, each once, sorted. */
  callersOf(chain: Chain): readonly string[];
  /** Hooks from which a chain can be reached. */
  hooksOf(chain: Chain): ReadonlySet<HookName>;
}

/** Follows jumps, gotos and verdict maps of one table from its base chains; each chain is gone through once per hook. */
export function linksOf(table: Table): Links {
  const sets = new Map(table.sets.map((set) => [set.name, set]));
  const targets = new Map(
    table.chains.map((chain) => [chain.name, new Set(chain.rules.flatMap((rule) => leads(rule)))]),
  );
  const callers = new Map<string, string[]>();
  for (const [from, to] of targets)
    for (const name of to) {
      const list = callers.get(name) ?? [];
      list.push(from);
      callers.set(name, list);
    }
  const hooks = new Map<string, Set<HookName>>();
  for (const { name, base } of table.chains) if (base !== null) spread(name, base.hook);
  return {
    callersOf: ({ name }) => (callers.get(name) ?? []).toSorted(),
    hooksOf: ({ name }) => hooks.get(name) ?? new Set(),
  };

  function leads({ steps }: Chain['rules'][number]): readonly string[] {
    return steps.flatMap((step) => {
      if (step.kind === 'verdict') return chainOf(step.verdict);
      if (step.kind !== 'vmap') return [];
      const entries = 'set' in step.entries ? (sets.get(step.entries.set)?.entries ?? []) : step.entries;
      return entries.flatMap(({ verdict }) => (verdict === null ? [] : chainOf(verdict)));
    });
  }

  function spread(start: string, hook: HookName): void {
    const waiting = [start];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const found = hooks.get(name) ?? new Set<HookName>();
      if (found.has(hook)) continue;
      hooks.set(name, found.add(hook));
      waiting.push(...(targets.get(name) ?? []));
    }
  }
}

function chainOf(verdict: Verdict): readonly string[] {
  return verdict.kind === 'jump' || verdict.kind === 'goto' ? [verdict.chain] : [];
}
