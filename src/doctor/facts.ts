import type { Address } from '../ip/address.ts';
import type { Explained } from '../packetpath/purpose/types.ts';
import type { EnforcedSender } from '../ruleset/enforced.ts';
import type { Unheld } from '../ruleset/ruleset.ts';
import type { World } from '../world/world.ts';

/**
 * What was seen of a host, for the checks to judge. null is what could not be looked at: the checks that need it say
 * nothing, and `unseen` says why.
 */
export interface Facts {
  readonly world: World | null;
  readonly engine: EngineFacts | null;
  readonly ours: OurFacts | null;
  /** Everybody's rules, explained. */
  readonly rules: Explained | null;
  /** Bridges of the host with their own switches of br_netfilter. */
  readonly bridgeCalls: ReadonlyMap<string, { readonly ip: boolean; readonly ip6: boolean }> | null;
  /** Containers that policy names and that cannot be held; null where there is no good policy. */
  readonly unheld: readonly Unheld[] | null;
  /** The host's own resolvers, those that are no address of a container's own. */
  readonly nameservers: readonly Address[] | null;
  readonly conntrack: ConntrackFacts | null;
  /** Ports that docker-proxy listens on. */
  readonly proxies: readonly ProxyPort[] | null;
  /** Files of the policy, and their folders, that others than root may change. */
  readonly writable: readonly WritableFile[] | null;
  /** Volumes of the engine, by name. */
  readonly volumes: ReadonlyMap<string, VolumeFacts> | null;
  /** Where the engine's API listens on TCP. */
  readonly api: readonly ApiListener[] | null;
  /** Bridges of the engine's networks that route what is sent to loopback addresses. */
  readonly routesLoopback: readonly string[] | null;
  /** Paths mounted into containers that are unix sockets of the host. */
  readonly sockets: readonly string[] | null;
  /** What packets may measure, and by which interfaces they leave. */
  readonly sizes: SizeFacts | null;
  /** Who sends from where policy enforces; null where there is no good policy. */
  readonly enforced: readonly EnforcedSender[] | null;
  /** Sluice's own folders, and the control socket of its daemon. */
  readonly own: OwnPaths;
  /** Services that are started at boot and whose start, reload or stop takes away the rules of everybody. */
  readonly flushers: readonly Flusher[] | null;
  readonly unseen: readonly Unseen[];
}

/** Something that could not be looked at. */
export interface Unseen {
  readonly what: string;
  readonly why: string;
  readonly fix: string | null;
}

export interface EngineFacts {
  /** `FirewallBackend.Driver` of `GET /info`, such as `iptables` or `nftables`; null: the engine does not say. */
  readonly firewallBackend: string | null;
  /** Whether it maps containers' users to others (`userns-remap`). */
  readonly mapsUsers: boolean;
  /** Where it keeps images, volumes and containers; null: it does not say. */
  readonly dataFolder: string | null;
}

export interface VolumeFacts {
  readonly name: string;
  readonly driver: string;
  /** Of the driver `local`: `type`, `o` and `device`, as mount(8) has them. */
  readonly options: ReadonlyMap<string, string>;
}

export interface SizeFacts {
  /** Most bytes of an IP packet, by interface of the host. */
  readonly mtus: ReadonlyMap<string, number>;
  /** Interfaces that IPv4 routes lead to, with the most bytes of a packet there, which a route may make fewer. */
  readonly ways: ReadonlyMap<string, number>;
}

export interface ApiListener {
  /** As dockerd was told, such as `tcp://0.0.0.0:2375`. */
  readonly address: string;
  /** Whether that is an address of the host's loopback. */
  readonly loopback: boolean;
  /** Whether it asks callers for a certificate (`--tlsverify`). */
  readonly verifies: boolean;
}

export interface OwnPaths {
  /** The policy's folder and the state directory. */
  readonly folders: readonly string[];
  readonly socket: string;
}

export interface OurFacts {
  /** Whether tables of ours are in the kernel. */
  readonly standing: boolean;
  /** Whether what stands differs from what was put there last; null: not known, as while a daemon keeps it. */
  readonly altered: boolean | null;
  /** What the daemon says of itself; null when none runs. */
  readonly daemon: {
    readonly troubles: readonly { readonly message: string; readonly fix: string }[];
    /** What has become of its last line; null: it does not say. */
    readonly lastLine: 'stands' | 'not-with-iptables' | 'unsupported' | 'taken' | 'failed' | null;
  } | null;
}

export interface ConntrackFacts {
  /** Entries of this namespace, and most there may be. */
  readonly count: number;
  readonly max: number;
  /** net.netfilter.nf_conntrack_tcp_be_liberal. */
  readonly liberal: boolean;
}

export interface ProxyPort {
  readonly process: number;
  readonly protocol: string;
  readonly address: string;
  readonly port: number;
}

export interface WritableFile {
  readonly path: string;
  readonly kind: 'file' | 'folder';
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface Flusher {
  /** Such as `nftables.service`. */
  readonly service: string;
  /** What starts it at boot: the link of a target. */
  readonly enabledBy: string;
  /** Where it says so: `/etc/nftables.conf:3: flush ruleset`. */
  readonly flushes: readonly string[];
}
