import type { Address } from '../ip/address.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { RoutedPort } from '../world/world.ts';
import type { Rights } from './rights.ts';

/**
 * What we ask of a Docker Engine. The real one is connectEngine (client.ts), the in-memory one FakeEngine
 * (fake-engine.ts). Every call throws an EngineError; none hangs.
 */
export interface EngineApi {
  version(): Promise<EngineVersion>;
  /** Every container, running or not; those of them that are named, where ids are given. */
  containers(ids?: readonly string[]): Promise<ContainerList>;
  /** @param id all 64 digits of it */
  container(id: string): Promise<Inspected<ContainerDetails>>;
  /** Every network; those of them that are named, where ids are given. */
  networks(ids?: readonly string[]): Promise<NetworkList>;
  image(id: string): Promise<Inspected<ImageDetails>>;
  info(): Promise<EngineInfo>;
  volumes(): Promise<readonly VolumeDetails[]>;
}

/** What the engine says of itself (`GET /info`). */
export interface EngineInfo {
  /** `FirewallBackend.Driver` (engines from 28.2 on); null where it does not say. */
  readonly firewallBackend: string | null;
  /** Whether containers' users are mapped to others (`userns-remap`). */
  readonly mapsUsers: boolean;
  /** `DockerRootDir`, such as `/var/lib/docker`; null where it does not say. */
  readonly dataFolder: string | null;
}

export interface VolumeDetails {
  readonly name: string;
  readonly driver: string;
  /** Of the `local` driver: `type`, `o` and `device`, as mount(8) has them. */
  readonly options: ReadonlyMap<string, string>;
}

/**
 * An inspect of something that can vanish, or be locked by the engine while a container starts. `unreadable`: the answer
 * is longer than we take, or is not one; that is no reason to know nothing of the others.
 */
export type Inspected<T> =
  | { readonly kind: 'found'; readonly value: T }
  | { readonly kind: 'gone' | 'busy' | 'unreadable' };

export interface EngineVersion {
  /** Such as `28.5.2`. */
  readonly version: string;
  readonly apiVersion: string;
}

/** The list of containers, as far as it is read. */
export interface ContainerList {
  readonly containers: readonly ContainerSummary[];
  /** Those of which the list says more than is read, even without all that nobody here reads. */
  readonly unreadable: readonly UnreadableContainer[];
  /** Length of the engine's answer. */
  readonly bytes: number;
}

export interface UnreadableContainer {
  readonly id: string;
  readonly name: string;
}

export interface NetworkList {
  readonly networks: readonly NetworkDetails[];
  /** Length of the engine's answer. */
  readonly bytes: number;
}

/** What the list says of a container; it answers even while the container is locked. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly running: boolean;
  /** Those that are Sluice's or Compose's ({@link ownLabels}). */
  readonly labels: ReadonlyMap<string, string>;
  /** As `HostConfig.NetworkMode`. */
  readonly networkMode: string;
  readonly attachments: readonly Attachment[];
}

export interface ContainerDetails extends ContainerSummary, Rights {
  /** In the engine's PID namespace; null when not running. */
  readonly pid: number | null;
  /** `--dns`, as far as they are addresses. */
  readonly dns: readonly Address[];
  readonly bindings: readonly PortBinding[];
  /** What it publishes on networks of gateway mode `routed`, where the host has no port for it. */
  readonly routed?: readonly RoutedPort[];
  /** Addresses that were asked for, by the names its networks have in `attachments`; absent when there are none. */
  readonly fixed?: ReadonlyMap<string, readonly Address[]>;
}

/** A container on a network. */
export interface Attachment {
  /** The network's name, mostly: a container that was never started may have what its creator wrote. */
  readonly name: string;
  /** Empty until the container is first started. */
  readonly networkId: string;
  /** Another one each time it is attached; empty unless it is. */
  readonly endpoint: string;
  /** Empty unless it is attached now. */
  readonly addresses: readonly Address[];
  readonly mac: string | null;
}

export interface PortBinding {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly containerPort: number;
  readonly hostAddress: Address | null;
  readonly hostPort: number;
}

export interface NetworkDetails {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly internal: boolean;
  readonly subnets: readonly Prefix[];
  /** `EnableIPv6`. */
  readonly ipv6?: boolean;
  /** `Gateway` of its IPAM configuration. */
  readonly routers?: readonly Address[];
  readonly options: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
}

export interface ImageDetails {
  readonly labels: ReadonlyMap<string, string>;
}
