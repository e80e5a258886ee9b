import type { Facts } from '../../../src/doctor/facts.ts';

/** One part of what doctor looks at, with what it is to say of it. */
export interface Chapter {
  /** A host where one check finds something: its code, what it has seen, and what mends it ('': there is no line to run). */
  readonly found: readonly (readonly [
    what: string,
    code: string,
    facts: Facts,
    seen: string | RegExp,
    mend: string | RegExp,
  ])[];
  /** Hosts that look like it, of which no check says anything. */
  readonly quiet: readonly (readonly [what: string, facts: Facts])[];
}
