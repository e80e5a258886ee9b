import { setOfAddresses, setOfPrefixes, subtractSets, unionSets } from '../ip/address-set.ts';
import { linkLocal6Set } from '../ip/registry.ts';
import type { Policy } from '../policy/model.ts';
import type { Container, Network, World } from '../world/world.ts';
import type { FileBlocks } from './naming.ts';
import type { EnrolledBridge, ProgramId, RememberedNetwork } from './ruleset.ts';
import type { WorldIndex } from './world-index.ts';
import { directedBroadcast } from './world-index.ts';

/** Docker's own name for the network of docker0 (moby, `runconfig.DefaultDaemonNetworkMode`). */
const defaultNetwork = 'bridge';

/** A network with its bridge. */
export type Bridged = Network & { readonly bridge: NonNullable<Network['bridge']> };
/** A network whose bridge has a name that no rule can carry. */
export type Odd = Network & { readonly oddBridge: NonNullable<Network['oddBridge']> };

/** Whether a network's bridge is containers' alone: judging another port's frames would cut off whoever is behind it. */
export function isBridged(network: Network): network is Bridged {
  return network.bridge !== null && foreignPorts(network).length === 0;
}

/** Ports of a network's bridge that are no container's, by interface. */
export function foreignPorts(network: Network): readonly string[] {
  return network.bridge?.foreignPorts ?? [];
}

/** Whether it is docker0's, which `docker build` uses. */
export function isDefaultBridge(network: Network): boolean {
  return network.name === defaultNetwork;
}

/**
 * The networks whose bridges are judged: docker0; those a named container is or was attached to, since it may be attached
 * again before anybody can act on it; those whose Compose project a policy names; with guardrails, or where containers
 * that nothing names are denied, all of them.
 */
export function enrolledNetworks(world: World, isWanted: (network: Network) => boolean): readonly Bridged[] {
  return world.networks
    .filter(isBridged)
    .filter(isWanted)
    .toSorted((a, b) => (a.bridge.name < b.bridge.name ? -1 : a.bridge.name > b.bridge.name ? 1 : 0));
}

/** The networks that would be enrolled, had their bridges names that a rule can carry. */
export function oddNetworks(world: World, isWanted: (network: Network) => boolean): readonly Odd[] {
  return world.networks
    .filter((network): network is Odd => network.oddBridge !== undefined)
    .filter(isWanted)
    .toSorted((a, b) => a.oddBridge.index - b.oddBridge.index);
}

/** Which networks {@link enrolledNetworks} takes. */
export function enrolling(
  policy: Policy,
  index: WorldIndex,
  named: readonly Container[],
  isNamedProject: (project: string) => boolean,
  remembered: readonly RememberedNetwork[],
): (network: Network) => boolean {
  const ids = new Set(named.map(({ id }) => id));
  const were = new Set(
    remembered.flatMap(({ id, containers }) =>
      id !== undefined && (containers?.some((one) => ids.has(one)) ?? true) ? id : [],
    ),
  );
  const attached = new Set(named.flatMap((container) => index.networksOf(container)));
  const isOfNamedProject = ({ project }: Network) => project !== null && isNamedProject(project);
  return (network) =>
    policy.guardrails.deny.length > 0 ||
    policy.defaults.unmanaged === 'deny' ||
    isDefaultBridge(network) ||
    attached.has(network) ||
    were.has(network.id) ||
    isOfNamedProject(network);
}

/** Which Compose projects a policy names: in its file, in a compose file it lists, or by a container of theirs. */
export function namedProjects(
  policy: Policy,
  blocks: FileBlocks,
  named: readonly Container[],
): (project: string) => boolean {
  const projects = new Set(named.flatMap(({ project }) => project ?? []));
  if (policy.defaults.labels === 'trusted')
    for (const compose of policy.compose)
      if (compose.top !== undefined || compose.services.size > 0 || compose.networks.size > 0)
        projects.add(compose.project);
  return (project) => projects.has(project) || blocks.names(project);
}

/** Whether sources that nobody knows are dropped on an enrolled bridge: everywhere but where builds may run. */
export function dropsUnknown(network: Network, { defaults }: Policy): boolean {
  return defaults.build === 'deny' || !isDefaultBridge(network);
}

/** An enrolled bridge; sources that nobody knows are dropped, or judged as a build where that is allowed. */
export function enrolledBridge(network: Bridged, build: ProgramId | null): EnrolledBridge {
  const gateways = setOfAddresses(network.gateways);
  return {
    name: network.bridge.name,
    network: network.name,
    gateways,
    broadcasts: setOfAddresses(network.subnets.flatMap(directedBroadcast)),
    unknown:
      build !== null && isDefaultBridge(network)
        ? {
            kind: 'judge',
            program: build,
            places: subtractSets(unionSets(linkLocal6Set, setOfPrefixes(network.subnets)), gateways),
          }
        : { kind: 'drop' },
  };
}
