import type { Chain, HookName, Rule, Table, UnreadLine } from '../model.ts';
import type { WayOut } from './outranked.ts';

/** Who made a chain or a rule. `operator`: whoever runs the host, in a chain that is theirs to fill. */
export type Maker =
  | 'docker'
  | 'swarm'
  | 'sluice'
  | 'operator'
  | 'outbound-filter'
  | 'ufw'
  | 'firewalld'
  | 'podman'
  | 'libvirt'
  | 'kube'
  | 'cni'
  | 'fail2ban'
  | 'tailscale'
  | 'wg-quick'
  | 'lxd'
  | 'incus'
  | 'istio'
  | 'nomad'
  | 'proxmox'
  | 'openwrt'
  | 'nixos'
  | 'csf'
  | 'crowdsec'
  | 'mullvad'
  | 'kernel'
  | 'unknown';

/** What a rule means for packets that containers send away from their network. */
export type Outbound =
  /** Lets a network's packets out. */
  | 'lets-out'
  /** Stops what a network sends. */
  | 'stops'
  /** Stops what goes from one network to another. */
  | 'isolates'
  /** Changes the source of what leaves. */
  | 'new-source'
  /** Turns what goes to an address of the host to a container. */
  | 'new-destination'
  /** Only replies, or what belongs to conversations that exist already. */
  | 'replies'
  /** Only packets towards a network: those that leave it never match. */
  | 'inbound'
  /** Only packets between containers of one network. */
  | 'neighbours'
  /** Only packets that the host itself sends or receives. */
  | 'host'
  /** Sends packets through another chain, which decides. */
  | 'calls'
  /** Decides nothing. */
  | 'nothing'
  /** Nobody's known rule: as it is written it lets through, stops, or changes what it matches. */
  | 'may-let-out'
  | 'may-stop'
  | 'unknown';

/** How sure a sentence is. */
export type Sureness =
  /** The rule is, to the last condition, one that its maker makes. */
  | 'exact'
  /** The rule stands in a chain of its maker's, and only the chain is known. */
  | 'by-chain'
  /** The rule bears a comment of its maker's, and only the comment is known. */
  | 'by-comment'
  | 'unknown';

export interface NetworkRef {
  readonly bridge: string;
  /** As the engine calls it; null where no engine was asked, or it has no such network. */
  readonly name: string | null;
  readonly project: string | null;
}

export interface ContainerRef {
  readonly address: string;
  readonly name: string | null;
  readonly project: string | null;
  readonly service: string | null;
}

export interface Purpose {
  readonly maker: Maker;
  readonly sureness: Sureness;
  /** One plain sentence without its full stop. */
  readonly sentence: string;
  readonly outbound: Outbound;
  readonly networks: readonly NetworkRef[];
  readonly containers: readonly ContainerRef[];
}

export interface ExplainedRule {
  readonly rule: Rule;
  readonly purpose: Purpose;
}

export interface ExplainedChain {
  readonly chain: Chain;
  readonly maker: Maker;
  /** What the chain is for; null where that is not known. */
  readonly sentence: string | null;
  /** Chains that lead here, sorted; of verdict maps the chain that looks it up. */
  readonly calledBy: readonly string[];
  /** Hooks from which packets come here. */
  readonly hooks: readonly HookName[];
  /** Networks that are let out for good on the way through it, with the rule. */
  readonly waysOut: readonly WayOut[];
  readonly rules: readonly ExplainedRule[];
}

export interface ExplainedTable {
  readonly table: Table;
  readonly maker: Maker;
  readonly chains: readonly ExplainedChain[];
}

export interface Explained {
  readonly tables: readonly ExplainedTable[];
  readonly layouts: readonly FoundLayout[];
  readonly unread: readonly UnreadLine[];
  /** What nft lists besides of iptables' tables, with the same rules. */
  readonly twice: readonly Table[];
}

/**
 * Generations of Docker's rules, named by what tells them: in `filter` by DOCKER-ISOLATION (17.06 to 18.03, pairs of bridges),
 * DOCKER-ISOLATION-STAGE-1 (libnetwork 1c73b1c9, 18.09 to 27), the ipset docker-ext-bridges-v4 (28.0.0 alone), DOCKER-FORWARD
 * (moby #49518, 28.0.1 to 28.5) and DOCKER-INTERNAL (moby 1ad9599da7, 29), else by the nftables table docker-bridges (29).
 */
export type Layout = 'pairs' | 'stages' | 'ext-bridges' | 'forward' | 'internal' | 'nftables';

/** Docker's rules of one family, and which engines make them so. */
export interface FoundLayout {
  readonly family: string;
  readonly engine: string;
  readonly layouts: readonly Layout[];
  /** Such as `18.09 to 27`. */
  readonly versions: string;
  /** What it was told by. */
  readonly evidence: string;
}
