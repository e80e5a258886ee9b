import { bridgeNames, hostAddresses } from '../host/addresses.ts';
import type { KernelView } from '../host/kernel-view.ts';
import type { Link } from '../netlink/link.ts';
import type { InterfaceAddress } from '../netlink/route.ts';
import { bridgeIndexOf } from '../world/bridge-index.ts';
import type { World } from '../world/world.ts';
import { buildContainers, type Seen } from './containers.ts';
import type {
  ContainerDetails,
  EngineVersion,
  ImageDetails,
  NetworkDetails,
  UnreadableContainer,
} from './engine-api.ts';
import { buildNetworks, hostGateway, indexNetworks } from './networks.ts';
import { indexVeths, type Veths } from './veth.ts';

/** What the engine has said. */
export interface EngineFacts {
  readonly engine: EngineVersion;
  readonly seen: readonly Seen[];
  /** Containers of which its list says more than is read. */
  readonly unread: readonly UnreadableContainer[];
  /** By image id. */
  readonly images: ReadonlyMap<string, ImageDetails>;
  /** Ids of images of which nothing will be known. */
  readonly unreadable: ReadonlySet<string>;
  readonly networks: readonly NetworkDetails[];
}

/** The host's network interfaces; listed before namespace ids are asked for, because the kernel gives them with the list. */
export interface Interfaces {
  readonly links: readonly Link[];
  readonly addresses: readonly InterfaceAddress[];
}

/** Finds the id of a running container's network namespace, by its process; null where it has none. */
export type FindNetns = (container: ContainerDetails, veths: Veths) => number | null;

/**
 * The world, from what the engine has said and what the kernel says now.
 *
 * @throws what the KernelView throws
 */
export function buildWorld(
  facts: EngineFacts,
  { links, addresses }: Interfaces,
  kernel: KernelView,
  findNetns: FindNetns,
): World {
  const settings = kernel.engineSettings();
  const veths = indexVeths(links);
  const networks = buildNetworks(facts.networks, links, addresses);
  const engineMajor = Number.parseInt(facts.engine.version, 10);
  const { containers, unidentified } = buildContainers({
    seen: facts.seen,
    unread: facts.unread,
    images: facts.images,
    unreadable: facts.unreadable,
    networks: indexNetworks(facts.networks),
    bridges: new Map(networks.map((network) => [network.id, bridgeIndexOf(network) ?? null])),
    veths,
    netnsIdOf: (container) => findNetns(container, veths),
    isMapped: (pid) => kernel.isMapped(pid),
    engineMajor: Number.isNaN(engineMajor) ? 0 : engineMajor,
    engineDns: settings.dns,
    hostNameservers: kernel.nameservers(),
  });
  return {
    engine: { ...facts.engine, hostGateway: hostGateway(networks, settings.hostGateway) },
    host: {
      name: kernel.hostname(),
      addresses: hostAddresses(links, addresses),
      bridgeNetfilter: kernel.bridgeNetfilter(),
      bridges: bridgeNames(links),
    },
    networks,
    containers,
    ...(unidentified.length === 0 ? {} : { unidentified }),
  };
}

/** Asks the kernel about each container once. */
export function askNetns(kernel: KernelView): FindNetns {
  const known = new Map<number, number | null>();
  return ({ pid }) => {
    if (pid === null) return null;
    if (!known.has(pid)) known.set(pid, kernel.netnsIdOf(pid));
    return known.get(pid) ?? null;
  };
}
