import type { Address } from '../ip/address.ts';
import type { AddressSet } from '../ip/address-set.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { L4Match, PortRange } from '../ip/protocol.ts';
import type { Mode } from '../policy/model.ts';
import type { SourceRef } from '../policy/source.ts';

/**
 * What the kernel is to hold, without a word about how: the value between compiling and rendering. Deterministic and
 * sorted; the evaluator judges packets by it, the backends render it.
 *
 * A packet is judged on one of two planes, as the kernel's hooks part them: `forward` is what is passed on (other
 * networks, the internet, neighbours on the same bridge), `host` is what the host itself receives (hook input).
 */
export interface Ruleset {
  readonly denied: 'reject' | 'drop';
  readonly bridges: readonly EnrolledBridge[];
  readonly endpoints: readonly EndpointIdentity[];
  /** One for each container and enrolled network it is attached to, whether or not it runs. Sorted by id and network. */
  readonly seats: readonly Seat[];
  readonly programs: readonly Program[];
  /** Addresses that come and go with containers, by group; programs refer to them. Sorted by id. */
  readonly groups: readonly AddressGroup[];
  /** Every address of the host: destinations that are on the `host` plane. */
  readonly hostAddresses: AddressSet;
  /**
   * What of Docker's subnets is the host's LAN as well: a container that has such an address is not who conntrack's entries
   * mean. Absent when there is none.
   */
  readonly onWires?: AddressSet;
  /**
   * Interfaces from which nothing passes, since who sends there is to be held and cannot be told: bridges with a name that
   * no rule can carry, and ports of containers on bridges that are not theirs alone. Sorted; absent when there are none.
   */
  readonly barred?: readonly Barred[];
  /**
   * Bridges that have only just appeared, and on which nobody is known: nothing passes from there yet. Only the daemon knows
   * of any; sorted by index, absent when there are none.
   */
  readonly unlisted?: readonly Barred[];
  /** Container ports that the engine publishes: conversations from outside may begin there (chain `inbound` of src/nftables). */
  readonly published: readonly PublishedEndpoint[];
  /** What becomes of packets from a bridge, of whatever kind, that is neither enrolled nor in `knownBridges`. */
  readonly unknownBridges: 'allow' | 'deny';
  /** Bridges that were there and are not enrolled. Sorted. */
  readonly knownBridges: readonly string[];
  /** Addresses that belong to projects that policy names: from a bridge that is not enrolled they are dropped. */
  readonly held: AddressSet;
  /** Whose addresses those are: what to remember for the next time. Sorted by project and name. */
  readonly heldNetworks: readonly RememberedNetwork[];
  /** Containers that should be held and cannot be, each with the reason. */
  readonly unheld: readonly Unheld[];
}

/**
 * A network as it was when it was last there: one of a Compose project that policy names, whose addresses stay held; or
 * one that a named container was attached to, which stays enrolled while it exists.
 */
export interface RememberedNetwork {
  /** null: of no project that policy names. */
  readonly project: string | null;
  /** Engine id of one that containers were attached to. */
  readonly id?: string;
  /** Ids of those containers; absent: of one that is not known yet. */
  readonly containers?: readonly string[];
  /** By its engine name. */
  readonly name: string;
  readonly subnets: readonly Prefix[];
}

/**
 * What a container will be on an enrolled network, whether or not it runs: known from `container create` on, before it
 * has a port or an address. Its program and groups stand in the kernel beforehand; the place comes when its veth joins.
 */
export interface Seat {
  readonly container: { readonly id: string; readonly name: string };
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  /** Engine id of the network. */
  readonly network: string;
  readonly bridge: { readonly name: string; readonly index: number };
  readonly program: ProgramId;
  /** Groups that its addresses on this bridge belong to. Sorted. */
  readonly groups: readonly GroupId[];
  /** Ports where conversations from outside may begin with it. Sorted. */
  readonly opens: readonly OpenPort[];
}

/** A container's own port that the engine publishes. */
export interface OpenPort {
  /** The one family it is open on; left out where it is both. */
  readonly only?: 4 | 6;
  readonly protocol: number;
  readonly port: number;
}

/** A bridge whose packets are judged. */
export interface EnrolledBridge {
  readonly name: string;
  /** Engine name of its network. */
  readonly network: string;
  /** The host's addresses on it. */
  readonly gateways: AddressSet;
  /** The directed broadcasts of its subnets (RFC 919, RFC 922). */
  readonly broadcasts: AddressSet;
  /**
   * What becomes of a source that is not proven: dropped, or, on docker0 while `defaults.build` is `allow`, judged by
   * the program named here (guardrails hold for `docker build` too).
   */
  readonly unknown:
    | { readonly kind: 'drop' }
    | {
        readonly kind: 'judge';
        readonly program: ProgramId;
        /** Where such a source may be: the bridge's subnets and link-local addresses, without the host's own. */
        readonly places: AddressSet;
      };
}

/** Deterministic, made of `[A-Za-z0-9_.-/]` only, at most 100 characters: safe as part of a chain's or set's name. */
export type ProgramId = string;
export type GroupId = string;

/** The proof of a sender: the bridge port it sends from, its MAC and its addresses; and the program that judges it. */
export interface EndpointIdentity {
  readonly container: { readonly id: string; readonly name: string };
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  readonly bridge: { readonly name: string; readonly index: number };
  readonly port: { readonly name: string; readonly index: number };
  readonly mac: string;
  /** IPv4, IPv6 and the link-local address that its MAC gives (EUI-64, RFC 4291 appendix A). */
  readonly addresses: readonly Address[];
  readonly program: ProgramId;
}

/** How one sort of sender is judged. Endpoints judged alike share a program. */
export interface Program {
  readonly id: ProgramId;
  readonly workload: string;
  readonly mode: Mode;
  /** Who decided that it is judged so. */
  readonly standing: 'named' | 'unmanaged' | 'build' | 'refused';
  /** Guardrails: denied in every mode, unless `except` matches. */
  readonly guard: readonly Clause[];
  readonly except: readonly Clause[];
  readonly deny: readonly Clause[];
  readonly allow: readonly Clause[];
  /** Why what nothing allows is denied: the block's allow list, or the default. */
  readonly otherwise: SourceRef;
}

/** One entry of a list with its addresses resolved. A packet matches when plane, address and layer 4 all do. */
export interface Clause {
  readonly plane: 'forward' | 'host';
  readonly to:
    | { readonly kind: 'addresses'; readonly set: AddressSet }
    | { readonly kind: 'group'; readonly group: GroupId };
  readonly l4: L4Match;
  /** Milliseconds since the epoch; the clause stops to count after it. */
  readonly until?: number;
  /** The entry as it was written, for people: `http-proxy`, `192.168.5.5:22`. */
  readonly entry: string;
  readonly source: SourceRef;
}

export interface AddressGroup {
  readonly id: GroupId;
  /**
   * Who is in it, and where: an address is a container's only on the bridge where the container is. Anyone may give a
   * container the address of a host that is routed elsewhere.
   */
  readonly members: readonly GroupMember[];
  /** The members' addresses. */
  readonly addresses: AddressSet;
}

export interface Barred {
  readonly name: string;
  readonly index: number;
}

export interface GroupMember {
  readonly bridge: { readonly name: string; readonly index: number };
  readonly address: Address;
}

export interface PublishedEndpoint {
  readonly address: Address;
  readonly protocol: number;
  readonly port: PortRange;
}

export interface Unheld {
  readonly container: { readonly id: string; readonly name: string };
  readonly workload: string;
  /** Stable word for scripts, such as `host-network`, `macvlan`, `no-port`. */
  readonly code: string;
  readonly reason: string;
  /** The next step. */
  readonly fix: string;
  /** Whether policy wants it enforced: then `apply` fails instead of passing it in silence, unless it is cut off. */
  readonly wanted: Mode;
  /**
   * Whether its place is not known on a bridge that drops whatever comes from whom nobody knows: nothing that it sends
   * there passes, whatever it does.
   */
  readonly cutOff: boolean;
}
