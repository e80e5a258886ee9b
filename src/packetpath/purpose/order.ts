import type { Base, HookName, TableFamily } from '../model.ts';
import type { Explained, ExplainedChain, ExplainedTable } from './types.ts';

/** Whose hooks a packet meets: frames on a card, frames on a bridge, IPv4, IPv6, ARP. */
export type Plane = 'device' | 'bridge' | 'IPv4' | 'IPv6' | 'ARP';

/** What stands at one hook, in the order the kernel walks it. */
export interface HookGroup {
  readonly plane: Plane;
  readonly hook: HookName;
  readonly chains: readonly Standing[];
}

export interface Standing {
  readonly table: ExplainedTable;
  readonly chain: ExplainedChain;
  readonly base: Base;
}

const planes: Readonly<Record<Plane, readonly TableFamily[]>> = {
  device: ['netdev'],
  bridge: ['bridge'],
  IPv4: ['inet', 'ip'],
  IPv6: ['inet', 'ip6'],
  ARP: ['arp'],
};
const hooks: readonly HookName[] = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting'];

/**
 * Base chains by hook. At a hook the lowest priority goes first; of equal ones the one that was registered last, where
 * listings show them in the order they were made (net/netfilter/core.c, nf_hook_entries_grow).
 */
export function hookGroups({ tables }: Explained): readonly HookGroup[] {
  const standing = tables.flatMap((table) =>
    table.chains.flatMap((chain) => (chain.chain.base === null ? [] : [{ table, chain, base: chain.chain.base }])),
  );
  const latestFirst = standing.toReversed();
  return (Object.keys(planes) as Plane[]).flatMap((plane) =>
    hooks.flatMap((hook): readonly HookGroup[] => {
      const chains = latestFirst
        .filter(({ table, base }) => base.hook === hook && planes[plane].includes(table.table.family))
        .toSorted((a, b) => a.base.priority - b.base.priority);
      return chains.length === 0 ? [] : [{ plane, hook, chains }];
    }),
  );
}

/** The chains of its table that a chain leads to, deepest last, each once, in the order of its rules. */
export function calledFrom(table: ExplainedTable, start: ExplainedChain): readonly ExplainedChain[] {
  const byName = new Map(table.chains.map((chain) => [chain.chain.name, chain]));
  const callees = new Map<string, ExplainedChain[]>();
  for (const chain of table.chains)
    for (const caller of chain.calledBy) callees.set(caller, [...(callees.get(caller) ?? []), chain]);
  const seen = new Set([start.chain.name]);
  const found: ExplainedChain[] = [];
  const waiting = [start.chain.name];
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const first = firstCalls(byName.get(name), callees.get(name) ?? []);
    for (const chain of first) {
      if (seen.has(chain.chain.name)) continue;
      seen.add(chain.chain.name);
      found.push(chain);
      waiting.push(chain.chain.name);
    }
  }
  return found;
}

/** Callees in the order in which a chain's rules name them; those of maps in the order of the listing. */
function firstCalls(chain: ExplainedChain | undefined, callees: readonly ExplainedChain[]): readonly ExplainedChain[] {
  const order = new Map<string, number>();
  for (const [index, { rule }] of (chain?.rules ?? []).entries())
    for (const step of rule.steps)
      if (step.kind === 'verdict' && (step.verdict.kind === 'jump' || step.verdict.kind === 'goto'))
        order.set(step.verdict.chain, order.get(step.verdict.chain) ?? index);
  const place = ({ chain: { name } }: ExplainedChain) => order.get(name) ?? Number.MAX_SAFE_INTEGER;
  return callees.toSorted((a, b) => place(a) - place(b));
}
