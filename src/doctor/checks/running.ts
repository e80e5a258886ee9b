import type { Container, Powers, World } from '../../world/world.ts';

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
