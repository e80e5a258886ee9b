import type { Container, Powers, World } from '../../world/world.ts';
import type { Facts } from '../facts.ts';

/** Running containers with rights beyond the ordinary that meet a condition. */
export function runningWith(
  world: World | null,
  wanted: (powers: Powers) => boolean,
): readonly { readonly container: Container; readonly powers: Powers }[] {
  return (world?.containers ?? []).flatMap((container) =>
    container.running && container.powers !== undefined && wanted(container.powers)
      ? [{ container, powers: container.powers }]
      : [],
  );
}

/** Whether root of a container is root of the host: not where the engine maps its users, nor where the kernel says so. */
export function hasHostsRoot({ powers }: Pick<Container, 'powers'>, { engine }: Pick<Facts, 'engine'>): boolean {
  if (powers?.mapped === true) return false;
  return engine?.mapsUsers !== true || powers?.hostUsers === true;
}
