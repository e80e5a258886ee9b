import { CliError } from './error.ts';
import type { User } from './ports.ts';

/** Ends with the next step where the user may not do what is to be done. */
export function requireRoot(user: User, what: string): void {
  if (user.uid !== 0) throw new CliError('unable', `only root may ${what}`, 'run it again with sudo');
}
