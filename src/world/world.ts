import type { Address } from '../ip/address.ts';
import type { Prefix } from '../ip/prefix.ts';

/** What runs on the host now, as a plain value: `sluice world` prints it as JSON (codec in json.ts). */
export interface World {
  readonly engine: Engine;
  readonly host: Host;
  readonly networks: readonly Network[];
  readonly containers: readonly Container[];
  /**
   * Containers of which it cannot be told who they are. Those whose image will not be known are among `containers`, too,
   * as {@link Container.unproven}; those whose image the engine has not told yet, and those of which it says more than is
   * read, are not.
   */
  readonly unidentified?: readonly Unidentified[];
}

export interface Unidentified {
  readonly id: string;
  readonly name: string;
  /** What was missing, for people. */
  readonly reason: string;
}

export interface Engine {
  /** As `GET /version` says, such as `28.5.2`. */
  readonly version: string;
  readonly apiVersion: string;
  /** What `host.docker.internal` means: the daemon's `host-gateway-ip`, else docker0's gateway. */
  readonly hostGateway: readonly Address[];
}

export interface Host {
  readonly name: string;
  /** Every address of the host on every interface, loopback included. */
  readonly addresses: readonly HostAddress[];
  /** net.bridge.bridge-nf-call-iptables / -ip6tables; null where br_netfilter is not loaded. */
  readonly bridgeNetfilter: { readonly ip: boolean; readonly ip6: boolean } | null;
  /** Names of all its bridges, the engine's and others, sorted; absent in worlds that older releases wrote. */
  readonly bridges?: readonly string[] | undefined;
}

export interface HostAddress {
  readonly interface: string;
  readonly address: Address;
  /** Prefix length of the interface's address, bits. */
  readonly length: number;
}

export interface Network {
  /** Engine id, 64 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  /** Interface of a bridge network (`docker0`, `br-388e266f9993`, a pinned name); null for other drivers. */
  readonly bridge: Bridge | null;
  /** Its bridge where that has a name that no rule can carry; `bridge` is null then. Anyone may choose a network's. */
  readonly oddBridge?: { readonly name: string; readonly index: number } | undefined;
  readonly subnets: readonly Prefix[];
  /** The host's own addresses on the bridge, link-local included. */
  readonly gateways: readonly Address[];
  readonly internal: boolean;
  /** Whether the engine gives its containers IPv6 addresses; absent in worlds that older releases wrote. */
  readonly ipv6?: boolean | undefined;
  /** Where its containers' packets go first, as the engine's IPAM has it; absent where it does not say. */
  readonly routers?: readonly Address[] | undefined;
  /** The driver's options, such as `com.docker.network.bridge.enable_icc` or `parent`; absent where there are none. */
  readonly options?: ReadonlyMap<string, string> | undefined;
  /** Compose's project and key of the file, from the network's labels; null outside Compose. */
  readonly project: string | null;
  readonly composeKey: string | null;
}

export interface Bridge {
  readonly name: string;
  readonly index: number;
  readonly mac: string;
  /** Ports that cannot be a container's, such as the host's own network card; absent when there are none. */
  readonly foreignPorts?: readonly string[];
}

export interface Container {
  /** Engine id, 64 hex digits. */
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly image: string;
  readonly running: boolean;
  /** Process id in the host's namespace; null when not running. */
  readonly pid: number | null;
  /** Compose identity, unless the image itself ships those labels (policy.md, "Who may write what"). */
  readonly project: string | null;
  readonly service: string | null;
  /** Labels of Sluice's and of Compose's names that its image does not ship with the same value; of others nothing is kept. */
  readonly labels: ReadonlyMap<string, string>;
  /** Compose files the container was made from, absolute where the label was. */
  readonly composeFiles: readonly string[];
  readonly networkMode: NetworkMode;
  /** One per network it is attached to, in the order of network names. Empty for modes other than `networks`. */
  readonly endpoints: readonly Endpoint[];
  readonly published: readonly PublishedPort[];
  /** Ports that the engine opens at the container's own addresses; absent when there are none. */
  readonly routed?: readonly RoutedPort[] | undefined;
  /** The resolvers its lookups leave for from its own namespace; empty when the engine asks from the host. */
  readonly resolvers: readonly Address[];
  /** The engine asks for it from the host's own namespace, so that no rule for the container sees its lookups. */
  readonly lookupsFromHost?: true | undefined;
  /** What its creator gave it beyond an ordinary container's rights; absent where that is nothing. */
  readonly powers?: Powers | undefined;
  /** Capabilities taken from it, sorted, in capitals and without `CAP_`; `ALL` is all. Absent where none is. */
  readonly dropped?: readonly string[] | undefined;
  /** Its mounts of the host's files and of volumes, sorted; absent where there are none. */
  readonly mounts?: readonly Mount[] | undefined;
  /** Where the engine sends its output; absent where it keeps it itself (`json-file`, `local`, `journald`, `none`). */
  readonly logging?: Logging | undefined;
  /**
   * Its image is gone or cannot be read, so that its labels, project and service may all be its image's. Absent where they
   * are known to be its creator's.
   */
  readonly unproven?: true | undefined;
  /** Keys of `sluice.` that it has from its image alone, sorted: nobody obeys them. Absent where there are none. */
  readonly imageLabels?: readonly string[] | undefined;
}

export type Mount =
  | { readonly kind: 'bind'; readonly path: string; readonly writable: boolean }
  /** By the volume's name. */
  | { readonly kind: 'volume'; readonly volume: string; readonly writable: boolean };

export interface Logging {
  /** `syslog`, `gelf`, `fluentd`, the name of a plugin, … */
  readonly driver: string;
  /** As its option has it, such as `udp://192.0.2.1:514`; null where it has none. */
  readonly address: string | null;
}

/** Rights by which a container may get round what holds it; every field of one that has none of them is empty. */
export interface Powers {
  readonly privileged: boolean;
  /** Added capabilities, sorted, in capitals and without `CAP_`; `ALL` among them is all of them. */
  readonly capabilities: readonly string[];
  /** Paths of the host mounted into it that are, or hold, the control socket of the engine or of containerd. Sorted. */
  readonly engineSockets: readonly string[];
  /** It shares the host's users although the engine maps users (`--userns=host`). */
  readonly hostUsers: boolean;
  /** It shares the host's processes (`--pid=host`); absent in worlds that older releases wrote. */
  readonly hostProcesses?: boolean | undefined;
  /** Whose processes it shares (`--pid=container:…`): a container's name or id, as it was asked for. Absent: nobody's. */
  readonly processesOf?: string | undefined;
  /** Its users are not the host's: its process is in a user namespace of its own. Absent where that is not so. */
  readonly mapped?: true | undefined;
}

export type NetworkMode =
  | { readonly kind: 'networks' }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  /** Shares the namespace of another container, by id. */
  | { readonly kind: 'container'; readonly container: string };

export interface Endpoint {
  /** Id of its network, which is among the world's networks: unlike names, ids are unique on every engine. */
  readonly network: string;
  readonly addresses: readonly Address[];
  /**
   * Addresses that were asked for (`ipv4_address` of a compose file, `docker run --ip`): it has them at every start, and
   * nobody else gets them from the engine. Absent when there are none.
   */
  readonly fixed?: readonly Address[];
  /** Lower case with colons, as the engine says; null before the endpoint has one. */
  readonly mac: string | null;
  /** The host's end of the veth, a port of the network's bridge; null when it could not be found. */
  readonly port: { readonly name: string; readonly index: number } | null;
}

/**
 * A published port that nobody answers for on the host: on networks with gateway mode `routed` the engine lets outsiders
 * reach the container's own address there (moby 27.0, libnetwork/drivers/bridge/port_mapping_linux.go).
 */
export interface RoutedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly family: 4 | 6;
  readonly containerPort: number;
}

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** null: every address of the host, both families. `0.0.0.0` and `::` arrive as the family's unspecified address. */
  readonly hostAddress: Address | null;
  readonly hostPort: number;
  readonly containerPort: number;
}
