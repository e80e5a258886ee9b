import type { Container, World } from '../world/world.ts';
import type { Ruleset } from './ruleset.ts';

/** Somebody who sends from an endpoint that policy enforces by name. */
export interface EnforcedSender {
  readonly container: Container;
  /** Names of its network's bridge, and of the port there that its packets come from. */
  readonly bridge: string;
  readonly port: string;
}

/**
 * Who is enforced and runs, on each of its networks: containers that policy, labels or x-sluice name, and those that share
 * the network namespace of one.
 */
export function enforcedSenders({ endpoints, programs }: Ruleset, { containers }: World): readonly EnforcedSender[] {
  const enforcing = enforcingPrograms(programs);
  const byId = new Map(containers.map((container) => [container.id, container]));
  const sharing = Map.groupBy(
    containers.filter(({ running, networkMode }) => running && networkMode.kind === 'container'),
    ({ networkMode }) => (networkMode.kind === 'container' ? networkMode.container : ''),
  );
  return endpoints
    .filter(({ program }) => enforcing.has(program))
    .flatMap((endpoint) => {
      const owner = byId.get(endpoint.container.id);
      const senders = [...(owner === undefined ? [] : [owner]), ...(sharing.get(endpoint.container.id) ?? [])];
      return senders.map((container) => ({ container, bridge: endpoint.bridge.name, port: endpoint.port.name }));
    });
}

/**
 * The same without where they send from, which is not known of all: who takes its own interface away is enforced still.
 */
export function enforcedContainers({ seats, programs }: Ruleset, { containers }: World): readonly Container[] {
  const enforcing = enforcingPrograms(programs);
  const ids = new Set(seats.filter(({ program }) => enforcing.has(program)).map(({ container }) => container.id));
  return containers.filter(
    ({ id, running, networkMode }) =>
      running && (ids.has(id) || (networkMode.kind === 'container' && ids.has(networkMode.container))),
  );
}

function enforcingPrograms(programs: Ruleset['programs']): ReadonlySet<string> {
  return new Set(
    programs
      .filter(({ mode, standing }) => mode === 'enforce' && (standing === 'named' || standing === 'refused'))
      .map(({ id }) => id),
  );
}
