import type { Base, Chain, HookName, Listing, TableFamily } from '../model.ts';
import { type Station, stationsAt } from '../walk/hooks.ts';
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

const planes: readonly Plane[] = ['device', 'bridge', 'IPv4', 'IPv6', 'ARP'];
const hooks: readonly HookName[] = ['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting'];
const others: Partial<Readonly<Record<Plane, TableFamily>>> = { device: 'netdev', bridge: 'bridge', ARP: 'arp' };

/** Base chains by hook, in the order of {@link stationsAt}. */
export function hookGroups({ tables }: Explained): readonly HookGroup[] {
  const standing = new Map(
    tables.flatMap((table) =>
      table.chains.flatMap((chain): readonly (readonly [Chain, Standing])[] =>
        chain.chain.base === null ? [] : [[chain.chain, { table, chain, base: chain.chain.base }]],
      ),
    ),
  );
  const listing: Listing = { tables: tables.map(({ table }) => table), unread: [] };
  return planes.flatMap((plane) =>
    hooks.flatMap((hook): readonly HookGroup[] => {
      const family = others[plane];
      const chains =
        family === undefined
          ? stationsAt(listing, plane === 'IPv4' ? 4 : 6, hook)
              .flatMap(chainsOf)
              .flatMap(({ chain }) => standing.get(chain) ?? [])
          : latestFirst(
              [...standing.values()].filter(({ table, base }) => table.table.family === family && base.hook === hook),
            );
      return chains.length === 0 ? [] : [{ plane, hook, chains }];
    }),
  );
}

function chainsOf(station: Station): readonly { readonly chain: Chain }[] {
  return station.kind === 'chain' ? [station.standing] : station.kind === 'nat' ? station.chains : [];
}

/** The lowest priority first, of equal ones the one that was registered last. */
function latestFirst(chains: readonly Standing[]): readonly Standing[] {
  return chains.toReversed().toSorted((a, b) => a.base.priority - b.base.priority);
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
