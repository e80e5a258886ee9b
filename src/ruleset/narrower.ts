/**
 * What a backend holds more narrowly than a ruleset says: it denies more, or tells less. It is no reason to refuse the
 * ruleset, since what containers ask for could then keep everybody's rules from being held.
 *
 * - `until`: permissions end before they are to end.
 * - `programs`: there are more than can be told apart, and whoever is judged by the others is denied.
 * - `no-reject`: who is denied is told nothing.
 * - `crowded`: an address that too many bridges have is nobody's.
 */
export interface Narrower {
  /** Stable, for scripts. */
  readonly code: 'until' | 'programs' | 'no-reject' | 'crowded';
  /** One sentence without its full stop. Entries of anybody's are in it: it goes through the printer of whatever shows it. */
  readonly message: string;
}
