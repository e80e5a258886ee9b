import { bridgeIndexOf } from '../world/bridge-index.ts';
import type { Network, World } from '../world/world.ts';
import type { Announced } from './guard/protocol.ts';

/** Where the containers of a world are, or will be, by container. */
export type Announcements = ReadonlyMap<string, Announced>;

/**
 * Where each container may be: on the bridges of its own networks, or of whose namespace it shares, whether or not it runs.
 *
 * @param unheld ids of containers that something is to hold for, and that cannot be held
 * @param strangers ids of containers that are not this engine's: they may be anywhere
 */
export function announcementsOf(
  { containers, networks }: World,
  unheld: ReadonlySet<string>,
  strangers: ReadonlySet<string>,
): Announcements {
  const bridges = bridgesOf(networks);
  const byId = new Map(containers.map((container) => [container.id, container]));
  const all = new Map<string, Announced>();
  for (const id of strangers) all.set(id, { container: id, bridges: null, free: true });
  for (const container of containers) {
    const { networkMode } = container;
    const owner = networkMode.kind === 'container' ? byId.get(networkMode.container) : container;
    const its = [...new Set((owner?.endpoints ?? []).flatMap(({ network }) => bridges.get(network) ?? []))];
    const free = networkMode.kind === 'networks' && !unheld.has(container.id);
    all.set(container.id, { container: container.id, bridges: its, free });
  }
  return all;
}

/** What has changed between two tellings. */
export function announcedSince(
  before: Announcements,
  now: Announcements,
): { readonly announced: readonly Announced[]; readonly forgotten: readonly string[] } {
  return {
    announced: [...now.values()].filter((one) => {
      const told = before.get(one.container);
      return told === undefined || !isSame(told, one);
    }),
    forgotten: [...before.keys()].filter((container) => !now.has(container)),
  };
}

/** Endpoints may name a network by its id or, before the first start, by its name. */
function bridgesOf(networks: readonly Network[]): ReadonlyMap<string, number> {
  const bridges = new Map<string, number>();
  for (const network of networks) {
    const index = bridgeIndexOf(network);
    if (index === undefined) continue;
    bridges.set(network.id, index);
    if (!bridges.has(network.name)) bridges.set(network.name, index);
  }
  return bridges;
}

function isSame(one: Announced, other: Announced): boolean {
  const [a, b] = [one.bridges, other.bridges];
  if (one.free !== other.free) return false;
  return a === b || (a !== null && b !== null && a.length === b.length && a.every((index, at) => index === b[at]));
}
