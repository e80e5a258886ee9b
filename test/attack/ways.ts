/** Where the attacks are tried: one engine in `npm test`, every engine with every backend with SLUICE_CAMPAIGN=full. */
import { iptablesVariant, type Way, waysOn } from '../packets/backends.ts';

export const attackWays: readonly Way[] = waysOn('28.5');

/** With a variant of iptables as well, where each backend closes by other means what is tried. */
export const attackWaysOfBoth: readonly Way[] = waysOn('28.5', iptablesVariant);
