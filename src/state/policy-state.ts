import type { PolicyText } from '../policy/yaml-text.ts';
import { jsonPart, StateError } from './part.ts';
import { sha256 } from './record.ts';

/** A policy that is or was in force: the texts it was compiled of, whatever the files say by now. */
export interface PolicyRecord {
  /** {@link digestOf} the texts. */
  readonly digest: string;
  /** Milliseconds since the epoch: since when it is in force. */
  readonly since: number;
  /** `files`: as it was written; `rollback`, `confirm-expired`: put back. */
  readonly by: 'files' | 'rollback' | 'confirm-expired';
  readonly texts: readonly PolicyText[];
}

/** A change that goes back by itself. */
export interface PendingConfirm {
  readonly digest: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Names this one change, so that whoever waits for it takes back no other. */
  readonly token: string;
}

/** One file, so that what is in force and whether it goes back can never disagree. */
export interface PolicyState {
  /** null: nothing of ours is to be in force, or what is there is not known. */
  readonly current: PolicyRecord | null;
  /** `nothing`: nothing was in force before; null: there is nothing to go back to. */
  readonly previous: PolicyRecord | 'nothing' | null;
  /** Digest of files that were rolled back from: they are not loaded again by themselves until they change. */
  readonly rejected: string | null;
  readonly pending: PendingConfirm | null;
  /** Something was in force that nobody can read any more: it was set aside. */
  readonly lost?: true;
}

export const noPolicy: PolicyState = { current: null, previous: null, rejected: null, pending: null };

/** SHA-256 over paths, roles and texts, hex. The paths should be absolute. */
export function digestOf(texts: readonly PolicyText[]): string {
  return sha256(JSON.stringify(texts.map(({ path, role, text }) => [path, role, text])));
}

/**
 * The state after texts came into force. What was never confirmed is nothing to go back to: then the one before stays so.
 *
 * @param change.now milliseconds since the epoch
 * @param change.before what stood where no record says it: nothing, or something unknown
 */
export function putInForce(
  state: PolicyState,
  texts: readonly PolicyText[],
  change: { readonly now: number; readonly before: 'nothing' | 'unknown'; readonly pending: PendingConfirm | null },
): PolicyState {
  const digest = digestOf(texts);
  const { current, pending } = state;
  if (current?.digest === digest) {
    const same = current.by === 'files' ? current : { ...current, by: 'files' as const };
    // said again with a time limit, what stands for good does not get one
    const limited = change.pending !== null && pending !== null ? change.pending : null;
    return { ...state, current: same, rejected: null, pending: limited };
  }
  const previous =
    pending !== null ? state.previous : (current ?? (change.before === 'nothing' ? ('nothing' as const) : null));
  return {
    current: { digest, since: change.now, by: 'files', texts },
    previous,
    rejected: null,
    pending: previous === null ? null : change.pending,
  };
}

/**
 * The state after going back to the policy before.
 *
 * @returns null when there is nothing to go back to
 */
export function goneBack(state: PolicyState, by: 'rollback' | 'confirm-expired', now: number): PolicyState | null {
  const { previous, current } = state;
  if (previous === null) return null;
  return {
    current: previous === 'nothing' ? null : { ...previous, since: now, by },
    previous: null,
    rejected: current?.digest ?? state.rejected,
    pending: null,
  };
}

/** The state after the change that waits was confirmed; null when none waits. */
export function confirmed(state: PolicyState): PolicyState | null {
  return state.pending === null ? null : { ...state, pending: null };
}

export const policyPart = jsonPart('policy.json', (value): PolicyState => {
  const state = value as PolicyState;
  for (const record of [state.current, state.previous]) {
    if (record === null || record === 'nothing') continue;
    if (record.digest !== digestOf(record.texts)) throw new StateError('a digest is not that of its texts');
  }
  const { current, previous, rejected, pending, lost } = state;
  return { current, previous, rejected, pending, ...(lost === true ? { lost } : {}) };
});
