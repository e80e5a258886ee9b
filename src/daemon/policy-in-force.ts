import type { Policy } from '../policy/model.ts';
import { readPolicy } from '../policy/read.ts';
import { noPolicy, type PolicyRecord, type PolicyState, putInForce } from '../state/policy-state.ts';
import { denyAllText } from './deny-all.ts';
import type { PolicyPort, PolicyReading } from './ports.ts';

/** The policy the kernel is held to, and where it came from. */
export interface InForce {
  readonly policy: Policy;
  /** Null for the policy of last resort, which nobody wrote. */
  readonly record: PolicyRecord | null;
}

/** What a start begins with, and what is to be said of it. */
export interface Beginning {
  readonly inForce: InForce;
  /** To be remembered. */
  readonly state: PolicyState;
  /** Why it is not what the files say, in lines for people; null when it is. */
  readonly trouble: string | null;
}

/** There is nothing to begin with, and nothing was ever in force: the operator has to write a policy first. */
export class NoPolicyError extends Error {
  override readonly name = 'NoPolicyError';
}

/**
 * Chooses the policy to begin with: the files, unless they were rolled back from and have not changed since; else the
 * last good one; else, where something was in force that nobody can read any more, denial.
 *
 * @param isLost whether there was something in the state that could not be believed
 * @param now milliseconds since the epoch
 * @throws NoPolicyError when the files are bad and nothing was ever in force
 */
export function begin(
  files: PolicyReading,
  state: PolicyState,
  isLost: boolean,
  policies: PolicyPort,
  now: number,
): Beginning {
  if (files.kind === 'good' && files.digest !== state.rejected) {
    // what was not confirmed in time is taken back by who waits for that, not by a restart
    const isSame = files.digest === state.current?.digest;
    const next = isSame ? state : putInForce(state, files.texts, { now, before: 'unknown', pending: null });
    return { inForce: { policy: files.policy, record: next.current }, state: next, trouble: null };
  }
  const { current } = state;
  const trouble = files.kind === 'bad' ? files.message : null;
  const recalled = current === null ? null : policies.recall(current.texts);
  if (recalled !== null) return { inForce: { policy: recalled, record: current }, state, trouble };
  if (current === null && !isLost && state.lost !== true)
    throw new NoPolicyError(trouble ?? 'the policy was rolled back from, and nothing was in force before');
  return {
    inForce: { policy: denyAll(now), record: null },
    state: { ...noPolicy, lost: true }, // what was set aside the next start does not see
    trouble: trouble ?? 'the policy that was in force cannot be read any more',
  };
}

function denyAll(now: number): Policy {
  const text = { path: 'nothing may leave', text: denyAllText, role: 'policy', writableByOthers: false } as const;
  const { policy } = readPolicy([text], { now });
  if (policy === null) throw new Error('the policy of last resort is broken');
  return policy;
}
