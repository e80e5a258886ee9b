import { workloadName } from '../world/workload.ts';
import type { Container } from '../world/world.ts';
import { engineSocket, pathsToEngine } from './checks/engine-socket.ts';
import { administersHostsNetwork, netAdmin } from './checks/net-admin.ts';
import { hostlyRights, privileged } from './checks/privileged.ts';
import type { Facts } from './facts.ts';

/** A right by which a container can undo what holds it. */
interface Undoing {
  /** Of the check that says more. */
  readonly code: string;
  /** What it has, and what it can: `has NET_ADMIN: it can put itself past every hook`. */
  readonly message: string;
}

/** A container that is enforced and can undo that. */
export interface CanUndo extends Undoing {
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  /** By name. */
  readonly container: string;
}

/** Who of those that are enforced can undo it, by what the world alone says of them; one entry for each right. */
export function whoCanUndo(enforced: readonly Container[]): readonly CanUndo[] {
  return enforced.flatMap((container) =>
    undoingOf(container, { engine: null, volumes: null }).map((undoing) => ({
      workload: workloadName(container),
      container: container.name,
      ...undoing,
    })),
  );
}

/**
 * By what a container can undo what holds it, as the checks of the same codes know it.
 *
 * @param facts null for what is not known: of users that are mapped the kernel's own word then counts alone, of volumes none
 */
function undoingOf(container: Container, facts: Pick<Facts, 'engine' | 'volumes'>): readonly Undoing[] {
  const rights = hostlyRights(container, facts);
  return [
    ...(rights.length === 0
      ? []
      : [
          {
            code: privileged.code,
            message: `has the host's rights (${rights.join(', ')}): it can take its rules away`,
          },
        ]),
    ...(administersHostsNetwork(container, facts)
      ? [{ code: netAdmin.code, message: 'has NET_ADMIN: it can put itself past every hook' }]
      : []),
    ...(pathsToEngine(container, facts).length === 0
      ? []
      : [{ code: engineSocket.code, message: "has the engine's socket: it can start what nothing holds" }]),
  ];
}
