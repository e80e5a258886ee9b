import type { Address } from '../ip/address.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Clause, EndpointIdentity } from '../ruleset/ruleset.ts';

/** The first packet of a conversation, as a container sends it. */
export interface Packet {
  /** The endpoint it leaves through. */
  readonly from: EndpointIdentity;
  readonly to: Address;
  /** IP protocol number, 0–255. */
  readonly protocol: number;
  /** Destination port; 0 where the protocol has none. */
  readonly port: number;
}

export type Outcome = 'allowed' | 'denied' | 'audited';

/**
 * What the sender of a denied packet sees, unless DNAT turns the packet to another place: then it is silence. Which port
 * published on the host is turned, and which is docker-proxy's, is the engine's business and in no ruleset.
 */
export type Refusal = 'reset' | 'icmp-error' | 'silence';

export interface Verdict {
  readonly outcome: Outcome;
  readonly plane: 'forward' | 'host';
  readonly refusal: Refusal | null;
  /** In the order they were taken; the last one decided. */
  readonly steps: readonly Step[];
}

export type Step =
  | { readonly kind: 'guardrail'; readonly clause: Clause; readonly exception: Clause | null }
  | { readonly kind: 'no-guardrail' }
  | { readonly kind: 'deny'; readonly clause: Clause }
  | { readonly kind: 'allow'; readonly clause: Clause }
  | { readonly kind: 'nothing-allows'; readonly tried: readonly Clause[]; readonly otherwise: SourceRef }
  | { readonly kind: 'mode'; readonly mode: 'audit' | 'off' };
