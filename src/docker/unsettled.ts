import type { Container, World } from '../world/world.ts';

/**
 * Running containers of which the kernel shows no port where the engine says they are on a bridge: either something
 * changed between the two answers, or the container has moved its interface away.
 */
export function lacksPort({ networks, containers }: World): readonly Container[] {
  const bridged = new Set(networks.filter(({ bridge }) => bridge !== null).map(({ id }) => id));
  return containers.filter(
    ({ running, endpoints }) => running && endpoints.some(({ network, port }) => port === null && bridged.has(network)),
  );
}
