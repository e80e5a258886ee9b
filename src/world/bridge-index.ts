import type { Network } from './world.ts';

/** The interface index of a network's bridge, whatever its name is; undefined where it has none. */
export function bridgeIndexOf({ bridge, oddBridge }: Pick<Network, 'bridge' | 'oddBridge'>): number | undefined {
  return (bridge ?? oddBridge)?.index;
}
