import type { Address } from '../../ip/address.ts';
import type { XtVerdict } from '../../iptables/traced.ts';
import type { PathTrace } from '../../nftables/path-trace.ts';

/** One packet to send from a container, and how the kernel judged it. */
export interface LiveProbe {
  /** The container's process in the host's namespace: whose network namespace it is sent from. */
  readonly pid: number;
  readonly to: Address;
  /** IP protocol number. */
  readonly protocol: number;
  /** Destination port; 0 where the protocol has none. */
  readonly port: number;
}

/** The same packet followed through everybody's hooks. */
export type LivePath =
  | { readonly kind: 'traced'; readonly source: Address; readonly trace: PathTrace }
  /** It could not be sent; nothing is known. */
  | { readonly kind: 'not-sent'; readonly reason: string };

export type LiveResult =
  | { readonly kind: 'traced'; readonly source: Address; readonly verdict: XtVerdict }
  /** It could not be sent; nothing is known. */
  | { readonly kind: 'not-sent'; readonly reason: string };

/** Sends from inside network namespaces and asks the kernel's trace. Closing it takes away what it added. */
export interface Prober extends AsyncDisposable {
  /** The address that the namespace would send from; null without a route. */
  sourceFor(pid: number, to: Address): Promise<Address | null>;
  probe(probe: LiveProbe): Promise<LiveResult>;
  follow(probe: LiveProbe): Promise<LivePath>;
}
