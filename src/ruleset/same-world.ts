import type { World } from '../world/world.ts';

/**
 * Whether two worlds are the same: of containers, of which there are many and which readers keep, the same objects in the
 * same order; the rest in what it says.
 */
export function isSameWorld(a: World, b: World): boolean {
  if (a === b) return true;
  const { containers } = b;
  return (
    a.containers.length === containers.length &&
    a.containers.every((one, at) => one === containers[at]) &&
    restOf(a) === restOf(b)
  );
}

function restOf({ containers: _containers, ...rest }: World): string {
  return JSON.stringify(rest, (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}
