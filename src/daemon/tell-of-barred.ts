import type { BarredPort } from './barred-ports.ts';
import { passing, type Troubles } from './troubles.ts';

/**
 * A container of which the engine tells late is nobody's trouble; one of which it goes on telling nothing is.
 *
 * @param now milliseconds, as {@link BarredPort.since} counts
 */
export function tellOfBarred(troubles: Troubles, barred: readonly BarredPort[], now: number): void {
  const lasting = barred.filter(({ since }) => now - since >= passing);
  if (lasting.length === 0) return troubles.end('unannounced', 'the engine tells of every container');
  const which = lasting
    .map(({ container, name }) => `${container.slice(0, 12)} (${name})`)
    .toSorted()
    .join(', ');
  const message = `the engine does not tell of ${which}: nothing passes from there`;
  troubles.add('unannounced', message, 'look at it: docker inspect, by this id');
}
