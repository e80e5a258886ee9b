import type { Rule } from './model.ts';

/** The chain that a rule sends every packet through, which then comes back; null where it asks anything first, or calls none. */
export function calledByAll({ steps }: Rule): string | null {
  const last = steps.at(-1);
  if (last?.kind !== 'verdict' || last.verdict.kind !== 'jump') return null;
  return steps.some(({ kind }) => kind === 'condition' || kind === 'vmap') ? null : last.verdict.chain;
}
