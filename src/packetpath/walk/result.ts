import type { Chain, HookName, Rule, Table } from '../model.ts';
import type { Layer } from './field.ts';
import type { Interface, Packet } from './packet.ts';

/** A rule with where it stands. */
export interface RuleAt {
  readonly table: Table;
  readonly chain: Chain;
  readonly rule: Rule;
}

/** Something that the walk took for granted on one of the possible ways. */
export interface Assumption {
  /** The rule whose condition, or target, could not be judged; null where it is the host itself. */
  readonly at: RuleAt | null;
  /** What could not be judged, for people. */
  readonly what: string;
  /** Whether it was taken to match, or to decide; else it does nothing. */
  readonly holds: boolean;
  /** The assumption as people read it. */
  readonly text: string;
}

/** What a matched rule did with the packet. */
export type Said =
  | { readonly kind: 'accept' | 'drop' | 'return' | 'go-on' | 'queue' }
  | { readonly kind: 'reject'; readonly with: string }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | { readonly kind: 'translate' };

/** One thing that happened to the packet. */
export type Event =
  | {
      readonly kind: 'hook';
      readonly layer: Layer;
      readonly hook: HookName;
      readonly in: Interface | null;
      readonly out: Interface | null;
    }
  | { readonly kind: 'rule'; readonly at: RuleAt; readonly said: Said }
  /** The end of a base chain was reached. */
  | { readonly kind: 'policy'; readonly table: Table; readonly chain: Chain; readonly policy: 'accept' | 'drop' }
  | {
      readonly kind: 'translated';
      readonly what: 'source' | 'destination';
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: 'routed'; readonly to: 'local' | Interface }
  | { readonly kind: 'bridged'; readonly bridge: string };

/** What decided. */
export type Decider =
  | { readonly kind: 'rule'; readonly at: RuleAt }
  | { readonly kind: 'policy'; readonly table: Table; readonly chain: Chain }
  /** No rule at all, but the host itself: no route, forwarding off, reverse path. */
  | { readonly kind: 'host'; readonly why: string }
  /** Nothing stood in its way, and no rule let it pass. */
  | { readonly kind: 'nothing' };

export type Verdict = 'accepted' | 'dropped' | 'rejected' | 'unknown';

/** One way the packet may go. */
export interface Outcome {
  readonly verdict: Verdict;
  /** How the sender is told, when a reject dropped it. */
  readonly reject: string | null;
  readonly by: Decider;
  /** All of these are needed for it. */
  readonly assumptions: readonly Assumption[];
  /** Whether more than the assumptions is needed: several ways led here, by different ones. */
  readonly loose: boolean;
  readonly events: readonly Event[];
  /** As it left the last hook it came to. */
  readonly packet: Packet;
}

/** The answer: what becomes of a packet. */
export interface Walked {
  /** `depends` when the ways end differently; `unknown` is one of them then. */
  readonly verdict: 'accepted' | 'dropped' | 'rejected' | 'depends';
  /** Those first in which what could not be judged does nothing; never empty. */
  readonly outcomes: readonly Outcome[];
  /** What rules and surroundings did not say, and what was taken instead, for people. */
  readonly assumed: readonly string[];
}
