import type { Facts } from './facts.ts';

/**
 * - `critical`: something is not held that is thought to be held, or who has it can undo what holds it.
 * - `warning`: a way round enforcement, or round Docker's own rules, is open.
 * - `note`: good to know; it weakens only together with something else.
 */
export type Severity = 'critical' | 'warning' | 'note';

export const severities: readonly Severity[] = ['critical', 'warning', 'note'];

/** One thing that `sluice doctor` looks for. */
export interface Check {
  /** Stable, for scripts. */
  readonly code: string;
  readonly severity: Severity;
  /** What was found, as a sentence's beginning: `A container shares the host's network`. */
  readonly title: string;
  /** Why it matters, one sentence. */
  readonly why: string;
  /** How it is told for certain, for the documentation. */
  readonly evidence: string;
  /** Looks for it. Several where they are mended apart. */
  readonly find: (facts: Facts) => readonly Sighting[];
}

/** Where a check found what it looks for. Texts may be anybody's: they go through the printer of whatever shows them. */
export interface Sighting {
  /** What was seen, one thing a line. */
  readonly seen: readonly string[];
  readonly mend: Mend;
}

export interface Mend {
  /** One sentence. */
  readonly say: string;
  readonly lines: readonly MendLine[];
}

/** A line to run as root, to write into a compose file, or to write into another file. */
export interface MendLine {
  readonly kind: 'run' | 'compose' | 'file';
  readonly text: string;
}

export interface Finding extends Sighting {
  readonly code: string;
  readonly severity: Severity;
  readonly title: string;
  readonly why: string;
}

/** What weakens enforcement, worst first, in the order of the checks within a severity. */
export function examine(facts: Facts, checks: readonly Check[]): readonly Finding[] {
  const found = checks.flatMap(({ code, severity, title, why, find }) =>
    find(facts).map((sighting): Finding => ({ code, severity, title, why, ...sighting })),
  );
  return severities.flatMap((severity) => found.filter((finding) => finding.severity === severity));
}
