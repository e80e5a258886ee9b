import type { LastLineState } from '../control/protocol.ts';
import type { BackendName } from '../enforce/backend.ts';
import type { ForbiddenFlow } from '../enforce/forbidden.ts';
import type { BridgeCalls } from '../netlink/link.ts';
import type { Narrower } from '../ruleset/narrower.ts';
import type { Barred, Ruleset } from '../ruleset/ruleset.ts';
import type { Closed, Seated } from './guard/protocol.ts';

/** What a change of the kernel was. */
export interface Held {
  /** `nothing` had to change; `elements` of standing sets; `rules`, beside what stands; `all`, filled anew. */
  readonly change: 'nothing' | 'elements' | 'rules' | 'all';
  readonly cut: readonly ForbiddenFlow[];
  readonly switched: ReadonlyMap<string, BridgeCalls>;
}

/** What somebody else has changed, in words. */
export interface Drift {
  readonly what: readonly string[];
}

/**
 * Keeps the kernel at a ruleset. It remembers what stands, so that a change says only what differs, and counts in who
 * comes and goes meanwhile. One call of `hold` and `repair` at a time; the others come whenever they come.
 */
export interface Holder {
  /** Whether it is known what stands. */
  readonly knows: boolean;
  /** Somebody else may have changed anything: the next change fills everything anew. */
  doubt(): void;
  /**
   * Senders have come and others have gone, as the guard has found out.
   *
   * @param others who stands beside them: what they have in common with those who leave stays
   */
  changed(leaving: readonly Seated[], coming: readonly Seated[], others: Iterable<Seated>): void;
  /** The guard has found a bridge that nothing may pass from now on. */
  closed(closed: Closed): void;
  /** The guard has barred a port. */
  barred(port: Barred): void;
  /**
   * Makes the kernel hold a ruleset. Compiling it to the kernel's own terms is done when this returns its promise.
   *
   * @param standing the same with the programs that stand ready beside it
   * @param now milliseconds since the epoch
   * @throws the errors of the backend's commands, NetlinkError, or the bridge switches' error; what stands is then
   *   doubted
   */
  hold(ruleset: Ruleset, standing: Ruleset, now: number): Promise<Held>;
  /**
   * Lets nothing from an enrolled bridge pass until {@link Holder.repair}, or whatever else fills everything, has been, where
   * that is quicker.
   *
   * @returns false when nothing was shut
   * @throws NetlinkError
   */
  shut(): boolean;
  /**
   * Puts everything back as it stood, at once.
   *
   * @returns false when nothing ever stood
   * @throws the errors of the backend's commands
   */
  repair(): Promise<boolean>;
  /**
   * Reads the kernel, where it does not tell of every change itself: what is not as it was made, or null. Absent: it tells.
   *
   * @throws the errors of the backend's commands
   */
  look?(): Promise<Drift | null>;
  /** After a repair: whether somebody has put something beside ours, which the next change then takes away. */
  lookForOthers(): Promise<void>;
  /** Resolves when nothing is under way any more of what was told with `changed`, `closed` and `barred`. */
  atRest(): Promise<void>;
}

/** In what the rules are held, and all that depends on it. */
export interface HeldIn {
  readonly backend: BackendName;
  /**
   * @param proven names of the ports that standing rules prove, from before our time
   * @param failed called when somebody who came or went could not be seen to at once; the next change does it
   */
  holder(proven: ReadonlySet<string>, failed: (reason: string) => void): Holder;
  /**
   * Takes over, with the first ruleset that is held, from another backend whose rules stand.
   *
   * @throws what `hold` throws, and the errors of the other backend's commands
   */
  takeOver<T>(ruleset: Ruleset, hold: () => Promise<T>): Promise<T>;
  /**
   * Whether rules of ours stand, all of them, or another backend's that are about to be taken over from.
   *
   * @throws the errors of the backend's commands
   */
  standing(): Promise<boolean>;
  /**
   * Names of ports whose senders the standing rules prove.
   *
   * @throws the errors of the backend's commands
   */
  proven(): Promise<ReadonlySet<string>>;
  /** The rules as text that {@link HeldIn.load} takes whatever stands, in parts that are made as they are asked for. */
  loadable(ruleset: Ruleset): Iterable<string>;
  /** @throws the errors of the backend's commands; TypeError for another backend's text */
  load(text: string): Promise<void>;
  /** What is held more narrowly than a ruleset says. */
  narrower(ruleset: Ruleset): readonly Narrower[];
  /** Of the table that holds while all others are flushed. */
  lastLine(): LastLineState;
  /** What a person looks at to see what stands. */
  readonly listing: string;
}
