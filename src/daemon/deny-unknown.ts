import { isEnginesOwn } from '../ruleset/held.ts';
import type { Barred, Ruleset } from '../ruleset/ruleset.ts';
import type { World } from '../world/world.ts';
import type { DaemonPorts } from './ports.ts';

/**
 * While nobody tells what runs, and no rules of ours stand: nothing leaves the bridges that the engine may have made, by
 * their names. One whose name its network chose nobody can tell from a bridge of others'.
 *
 * @param compile gives the rules of a policy for a world
 * @returns whether it had to: else rules of ours stand, or there is no such bridge
 */
export async function denyUnknown(
  { kernel, bridges }: Pick<DaemonPorts, 'kernel' | 'bridges'>,
  compile: (world: World) => Ruleset,
): Promise<boolean> {
  if (await kernel.standing()) return false;
  const there = bridges();
  const barred = there.filter(({ name }) => name === 'docker0' || isEnginesOwn(name));
  if (barred.length === 0) return false;
  const rules = { ...compile(deserted(there)), barred };
  await kernel.load([...kernel.loadable(rules)].join('\n'));
  return true;
}

/** A host of which only the bridges are known. */
function deserted(bridges: readonly Barred[]): World {
  const names = bridges.map(({ name }) => name).toSorted();
  return {
    engine: { version: '', apiVersion: '', hostGateway: [] },
    host: { name: '', addresses: [], bridgeNetfilter: null, bridges: names },
    networks: [],
    containers: [],
  };
}
