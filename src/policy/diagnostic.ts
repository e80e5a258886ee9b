import type { SourceRef } from './source.ts';

/** One finding about a policy. Codes are stable: `SL1xxx` errors, `SL2xxx` warnings (table in codes.ts). */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  /** The mend, as an instruction: `did you mean "http-proxy"?`. */
  readonly fix?: string;
  readonly source: SourceRef;
  /** Other places it speaks of, such as the first of two definitions. */
  readonly related?: readonly SourceRef[];
}
