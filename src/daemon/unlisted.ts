import { isEnginesOwn } from '../ruleset/held.ts';
import type { Barred } from '../ruleset/ruleset.ts';
import { bridgeIndexOf } from '../world/bridge-index.ts';
import type { World } from '../world/world.ts';

/**
 * Milliseconds that a bridge stays shut while nobody is known on it: long enough for an engine that is kept busy to tell of
 * its network; and where it is hardly the engine's, no longer than the engine usually takes. Others make bridges, too: a
 * virtual machine's is hardly used so soon.
 */
export const patience = { engines: 30_000, others: 2_000 } as const;

/**
 * Bridges that have appeared while the daemon looks on. The engine makes a network's bridge first, then tells of the
 * network, then of the containers that are to be on it: whoever reads later than they start would let them send unjudged.
 * So nothing passes from such a bridge until somebody is known to be on it; then policy says what is theirs.
 */
export class Unlisted {
  readonly #since = new Map<number, { readonly name: string; readonly since: number }>();

  /** @param since milliseconds by a clock that nobody sets */
  appeared({ name, index }: Barred, since: number): void {
    this.#since.set(index, { name, since });
  }

  gone(index: number): void {
    this.#since.delete(index);
  }

  /**
   * Those that stay shut; the others are let go when that is held.
   *
   * @param at when the world was read, by the same clock
   * @returns `held` to be called then
   */
  after(world: World, at: number): { readonly shut: readonly Barred[]; readonly held: () => void } {
    if (this.#since.size === 0) return { shut: [], held: () => {} };
    const peopled = peopledBridges(world);
    const listed = new Set(world.networks.flatMap((network) => bridgeIndexOf(network) ?? []));
    const isLetGo = ([index, { name, since }]: readonly [
      number,
      { readonly name: string; readonly since: number },
    ]) => {
      const most = listed.has(index) || isEnginesOwn(name) ? patience.engines : patience.others;
      return peopled.has(index) || at - since >= most;
    };
    const [gone, stay] = [[...this.#since].filter(isLetGo), [...this.#since].filter((one) => !isLetGo(one))];
    return {
      shut: stay.map(([index, { name }]) => ({ name, index })).toSorted((a, b) => a.index - b.index),
      held: () => {
        for (const [index, one] of gone) if (this.#since.get(index) === one) this.#since.delete(index);
      },
    };
  }
}

/** Bridges of networks that some container is, or will be, on. */
function peopledBridges({ networks, containers }: World): ReadonlySet<number> {
  const used = new Set(containers.flatMap(({ endpoints }) => endpoints.map(({ network }) => network)));
  return new Set(
    networks
      .filter(({ id, name }) => used.has(id) || used.has(name))
      .flatMap((network) => bridgeIndexOf(network) ?? []),
  );
}
