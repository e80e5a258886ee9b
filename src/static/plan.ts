import type { Family } from '../ip/address.ts';
import type { Prefix } from '../ip/prefix.ts';
import type { L4Match } from '../ip/protocol.ts';
import type { SourceRef } from '../policy/source.ts';
import type { Plane } from '../ruleset/clause.ts';

/**
 * A policy as rules that know no identities: who sends is told by source address alone, first match decides. Every form
 * of `sluice render` is written from this value. What is in it is plain data; texts are not yet safe to print (text.ts).
 */
export interface StaticPlan {
  readonly denied: 'reject' | 'drop';
  /** Whether any network has addresses of the family: where none has, no rules are written for it. */
  readonly families: Readonly<Record<Family, boolean>>;
  /** In the order they are judged: single addresses before the subnets they are of. */
  readonly senders: readonly StaticSender[];
  /** What is to be said of the whole. */
  readonly notes: readonly Note[];
}

/** Whoever has an address of these, and how that is judged. */
export interface StaticSender {
  /** `app_default: app/app, app/mongo`. */
  readonly title: string;
  readonly family: Family;
  /** Of the family; never empty. */
  readonly sources: readonly Prefix[];
  /** Where it is a whole network with one subnet: its bridge, from where no other source is taken. */
  readonly bridge: string | null;
  /** UDP ports that the engine opens to outsiders without NAT (gateway mode `routed`): conversations begin there. */
  readonly opened: readonly number[];
  /** The last rule of each plane matches everything, so that no later sender's rules are met. */
  readonly rules: Readonly<Record<Plane, readonly StaticRule[]>>;
  readonly notes: readonly Note[];
}

export interface StaticRule {
  readonly verdict: 'allow' | 'deny';
  /** Of the sender's family; null: anywhere. Never empty. */
  readonly to: readonly Prefix[] | null;
  readonly l4: L4Match;
  /** Last instant it counts, milliseconds since the epoch; only of what allows. */
  readonly until?: number;
  /** What it is for, for people: the entry as it was written, or why there is such a rule. */
  readonly comment: string;
  readonly source: SourceRef | null;
}

/** What static rules cannot say, at the place where it matters. */
export interface Note {
  readonly text: string;
  readonly source: SourceRef | null;
  /** Lines for a compose file that would mend it; empty where there are none. */
  readonly compose: readonly string[];
  /** Whether it is to be seen without opening the file, too. */
  readonly warn: boolean;
}

/** A note that is to be seen; `warn: false` leaves it to those who open the file. */
export function note(
  text: string,
  more: { readonly source?: SourceRef | null; readonly compose?: readonly string[]; readonly warn?: boolean } = {},
): Note {
  return { text, source: more.source ?? null, compose: more.compose ?? [], warn: more.warn ?? true };
}
