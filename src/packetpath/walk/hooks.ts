import type { Base, Chain, HookName, Listing, Table } from '../model.ts';

export type BaseChain = Chain & { readonly base: Base };

/** A base chain and its table. */
export interface Standing {
  readonly table: Table;
  readonly chain: BaseChain;
}

/** What happens at one priority of a hook: chains, and the kernel's own work between them. */
export type Station =
  | { readonly kind: 'chain'; readonly priority: number; readonly standing: Standing }
  /** Conntrack looks the packet up. */
  | { readonly kind: 'conntrack'; readonly priority: number }
  /** Address translation: what was decided is done, and chains of type nat are asked where nothing was. */
  | {
      readonly kind: 'nat';
      readonly priority: number;
      readonly what: 'source' | 'destination';
      readonly chains: readonly Standing[];
    };

/** include/uapi/linux/netfilter_ipv4.h, enum nf_ip_hook_priorities. */
const conntrack = -200;
const nat = {
  prerouting: { priority: -100, what: 'destination' },
  output: { priority: -100, what: 'destination' },
  input: { priority: 100, what: 'source' },
  postrouting: { priority: 100, what: 'source' },
} as const;

/**
 * The stations of an inet hook in the kernel's order: by priority, lowest first; of equal ones the one that was
 * registered last goes first (net/netfilter/core.c, nf_hook_entries_grow: a new entry is put before the first old one
 * whose priority is not lower). Listings show tables and chains in the order they were made, which is the order they were
 * registered in. Chains of type nat are all called from one place, whatever their own priority is: that orders them only
 * among themselves (net/netfilter/nf_nat_core.c, nf_nat_register_fn).
 */
export function stationsAt(listing: Listing, family: 4 | 6, hook: HookName): readonly Station[] {
  const families: readonly string[] = ['inet', family === 4 ? 'ip' : 'ip6'];
  const all = standingAt(listing, hook, (table) => families.includes(table.family));
  const stations: Station[] = all
    .filter(({ chain }) => chain.base.type !== 'nat')
    .map((standing) => ({ kind: 'chain', priority: standing.chain.base.priority, standing }));
  if (hook === 'prerouting' || hook === 'output') stations.push({ kind: 'conntrack', priority: conntrack });
  if (hook in nat) {
    const chains = all.filter(({ chain }) => chain.base.type === 'nat');
    stations.push({ kind: 'nat', ...nat[hook as keyof typeof nat], chains });
  }
  return stations.toSorted((a, b) => a.priority - b.priority);
}

/** Base chains of the bridge family at a hook, in the kernel's order. */
export function bridgeChainsAt(listing: Listing, hook: HookName): readonly Standing[] {
  return standingAt(listing, hook, ({ family }) => family === 'bridge');
}

/** Chains at the ingress of an interface; those of the inet family only see IP (net/netfilter/nf_tables_api.c). */
export function ingressChainsOf(listing: Listing, device: string): readonly Standing[] {
  return standingAt(listing, 'ingress', ({ family }) => family === 'netdev' || family === 'inet').filter(
    ({ chain }) => chain.base.device === device,
  );
}

function standingAt(listing: Listing, hook: HookName, isMeant: (table: Table) => boolean): readonly Standing[] {
  return listing.tables
    .filter(isMeant)
    .flatMap((table) =>
      table.chains.flatMap((chain) => (isBase(chain) && chain.base.hook === hook ? [{ table, chain }] : [])),
    )
    .toReversed()
    .toSorted((a, b) => a.chain.base.priority - b.chain.base.priority);
}

function isBase(chain: Chain): chain is BaseChain {
  return chain.base !== null;
}

/**
 * Chains of equal priority of whom nobody can tell which comes first: those of the two engines beside each other, where both
 * do something.
 */
export function undecidedOrder(
  listing: Listing,
  family: 4 | 6,
  hook: HookName,
): readonly (readonly [Standing, Standing])[] {
  const chains = stationsAt(listing, family, hook)
    .flatMap((station) =>
      station.kind === 'chain' ? [station.standing] : station.kind === 'nat' ? station.chains : [],
    )
    .filter(({ chain }) => chain.rules.length > 0 || chain.base.policy === 'drop');
  return chains.flatMap((standing, index): readonly (readonly [Standing, Standing])[] => {
    const next = chains[index + 1];
    const differ =
      next !== undefined &&
      next.chain.base.priority === standing.chain.base.priority &&
      (next.table.engine === 'legacy') !== (standing.table.engine === 'legacy');
    return differ ? [[standing, next]] : [];
  });
}
