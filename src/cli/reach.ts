import type { Clause, Program } from '../ruleset/ruleset.ts';
import { safe } from './text.ts';

/** What a program lets its senders reach, as lists of entries as they were written. */
export interface Reach {
  readonly may: readonly string[];
  /** What is denied although something in `may` may cover it. */
  readonly not: readonly string[];
}

/** Exceptions count only beside guardrails, of which they are exceptions; guardrails are among what is denied. */
export function reachOf(program: Program): Reach {
  const excepted = entriesOf(program.except).map((entry) => `${entry} (exception)`);
  return {
    may: [...entriesOf(program.allow), ...(program.guard.length > 0 ? excepted : [])],
    not: entriesOf([...program.deny, ...program.guard]),
  };
}

/** Entries in the order in which they stand in the policy, each once. */
export function entriesOf(clauses: readonly Clause[]): readonly string[] {
  const sorted = clauses.toSorted(
    (a, b) =>
      compare(a.source.file, b.source.file) ||
      a.source.line - b.source.line ||
      a.source.column - b.source.column ||
      compare(a.entry, b.entry),
  );
  return [...new Set(sorted.map(({ entry }) => entry))];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const most = 8;

/** A few words: `same-project, internet; not cloud-metadata`. Safe to show. */
export function reachWords({ may, not }: Reach): string {
  const allowed = may.includes('any') ? 'everything' : may.length === 0 ? 'nothing' : fewOf(may);
  const denied = may.length === 0 || not.length === 0 ? '' : `; not ${fewOf(not)}`;
  return allowed + denied;
}

/** Words with a comma between them; of many, the first and how many more there are. */
export function fewOf(words: readonly string[]): string {
  const shown = words.slice(0, words.length > most + 1 ? most : words.length).map(safe);
  const rest = words.length - shown.length;
  return rest === 0 ? shown.join(', ') : `${shown.join(', ')} and ${rest} more`;
}
