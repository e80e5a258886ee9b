import type { Policy } from '../policy/model.ts';
import type { AppliedState } from '../state/applied-state.ts';
import { Store } from '../state/store.ts';
import { openReader } from './loaded-policy.ts';
import type { Files } from './ports.ts';

/** What was put into the kernel last, as the state directory tells those who only look. */
export type Memory =
  | { readonly kind: 'applied'; readonly applied: AppliedState }
  | { readonly kind: 'none' }
  /** There is a record that must not be believed; `reason` names it. */
  | { readonly kind: 'broken'; readonly reason: string };

/** Reads what was applied last. Changes nothing, and never throws: what must not be believed is `broken`, with the reason. */
export async function readApplied(stateDirectory: string, files: Files): Promise<Memory> {
  const reading = await new Store(stateDirectory, files).readApplied();
  if (reading.kind === 'good') return { kind: 'applied', applied: reading.value };
  return reading.kind === 'none' ? reading : { kind: 'broken', reason: reading.reason };
}

/** Since when the policy that is in force is, and nobody who only looks need say why it is not known. */
export async function inForceSince(stateDirectory: string, files: Files): Promise<number | null> {
  const store = new Store(stateDirectory, files);
  const policy = await store.readPolicy();
  if (policy.kind === 'good' && policy.value.current !== null) return policy.value.current.since;
  const applied = await store.readApplied();
  return applied.kind === 'good' ? applied.value.at : null;
}

/** The policy that is in force, as it was read when it came; null where nobody knows any more. */
export async function policyInForce(stateDirectory: string, files: Files): Promise<Policy | null> {
  const reading = await new Store(stateDirectory, files).readPolicy();
  if (reading.kind !== 'good' || reading.value.current === null) return null;
  const { since, texts } = reading.value.current;
  // by the clock of then: what has run out meanwhile was good when it was written
  return (await openReader()).read(texts, { now: since }).policy;
}
