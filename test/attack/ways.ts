/** Where the attacks are tried: one engine in `npm test`, every engine with every backend with SLUICE_CAMPAIGN=full. */
import { iptablesVariant, isWhole, type Way, waysOf } from '../packets/backends.ts';

const tried = (ways: readonly Way[]) => (isWhole ? ways : ways.filter(({ engine }) => engine === '28.5'));

export const attackWays: readonly Way[] = tried(waysOf({}));

/** With a variant of iptables as well, where each backend closes by other means what is tried. */
export const attackWaysOfBoth: readonly Way[] = tried(waysOf({ '28.5': iptablesVariant }));
