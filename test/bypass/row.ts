/**
 * A row of the catalogue: one known way out of a container, by its number in the list of known bypasses, and how a run
 * proves what becomes of it here.
 */
import type { Engine } from '../../lab/roots.ts';
import type { BackendChoice } from '../../src/enforce/backend.ts';
import type { Attempt } from '../packets/support.ts';
import type { Bench } from './bench.ts';

/** What policies are held with: `iptables` is the variant that holds Docker's chains. */
export const backends = ['nftables', 'iptables'] as const satisfies readonly BackendChoice[];
export type BypassBackend = (typeof backends)[number];

/** An engine and what holds the rules beside it. */
export interface BypassWay {
  readonly engine: Engine;
  readonly backend: BypassBackend;
}

/** One thing that was tried, and who has seen it. */
export interface Sighting {
  /** `app/app → 192.168.5.5:22/tcp`; the same name in each round. */
  readonly what: string;
  /** Who received it, by observers beyond the last hook; nobody when empty. */
  readonly at: readonly string[];
  /** What its sender learnt: `refused`, `timeout`. */
  readonly learnt?: string;
}

/** A policy, and what it allows: that has to pass while the policy is in force. */
export interface Held {
  readonly policy: string;
  readonly allowed: readonly Attempt[];
}

/** Makes ready what an attempt needs and the ground does not have; answers with what takes it away again. */
export type Prepare = (bench: Bench) => Promise<() => Promise<unknown>>;

interface Tried {
  readonly prepare?: Prepare;
  /** Tries to get out, in every way that belongs to this row, and tells of each who has seen it. */
  readonly attempt: (bench: Bench) => Promise<readonly Sighting[]>;
}

/** Without Sluice every attempt arrives; under each of the policies none does, while what it allows passes. */
export interface Closed extends Tried {
  readonly state: 'closed';
  /** Each in turn; {@link proxyOnly} unless told. */
  readonly under?: readonly Held[];
  /** The attempt puts the policy in force itself, by `bench.enforce`: what was begun before is part of it. */
  readonly enforces?: true;
}

/** A policy that cannot be put in force, and how Sluice says so. */
export interface Refusal {
  readonly policy: string;
  readonly says: RegExp;
}

/** Without Sluice every attempt arrives; policies that would enforce the container are refused, with words that match. */
export interface Refused extends Tried {
  readonly state: 'refused';
  readonly refusals: readonly Refusal[];
  /** Each in turn is in force when all of those are refused: none opens what it holds. */
  readonly under?: readonly Held[];
}

/** On this host every attempt arrives although the policy is in force; `sluice doctor` names it, and the mend. */
export interface Told extends Tried {
  readonly state: 'told';
  /** Not said about `names` before `prepare`, said after it, and not when it is taken away. */
  readonly code: string;
  /** Matches the line of what was seen: the container's name. */
  readonly names: RegExp;
  readonly prepare: Prepare;
  /** {@link proxyOnly} unless told. */
  readonly under?: Held;
}

/** Needs names or what is inside connections, or is not ours: proves nothing, and the threat model says why. */
export interface Outside {
  readonly state: 'outside';
}

export type Case = Closed | Refused | Told | Outside;
export type State = Case['state'];

type Rest = string | null;

export interface Row {
  /** 1 to 64 as in the list of known bypasses; from 65 on our own. */
  readonly number: number;
  /** A few words for tables. */
  readonly title: string;
  /** What it tries and why one might expect it to work, in a sentence or two. */
  readonly tries: string;
  /** What is expected; a function where engines or backends differ. */
  readonly is: Case | ((way: BypassWay) => Case);
  /** The section of docs/threat-model.md about what is outside; of a row that is not, about what is left of it. */
  readonly outside?: string;
  /** What is left of a row with that section that is closed, in a few words; `the rest outside` unless told, null: nothing. */
  readonly rest?: Rest | ((way: BypassWay) => Rest);
}

/** What is expected of a row there. */
export function caseOf(row: Row, way: BypassWay): Case {
  return typeof row.is === 'function' ? row.is(way) : row.is;
}

/** What is left of a row there if it is closed, for the scorecard; null where nothing is. */
export function restOf({ outside, rest }: Row, way: BypassWay): string | null {
  if (rest === undefined) return outside === undefined ? null : 'the rest outside';
  return typeof rest === 'function' ? rest(way) : rest;
}
