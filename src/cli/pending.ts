import { formatAddress } from '../ip/address.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { Memory } from './applied.ts';
import { changesBetween } from './changes.ts';
import type { Situation } from './situation.ts';

/**
 * Names of containers that the kernel does not hold as the policy and the engine say now: another policy, another port,
 * MAC or address, or not there at the last apply.
 *
 * @returns null when what was applied last is not known
 */
export function pendingContainers(
  memory: Memory,
  { ruleset, world, loaded: { now } }: Pick<Situation, 'ruleset' | 'world' | 'loaded'>,
): ReadonlySet<string> | null {
  if (memory.kind !== 'applied') return null;
  const { applied } = memory;
  const changed = changesBetween(applied.ruleset, ruleset, now, world).filter(({ kind }) => kind !== 'unchanged');
  const before = identities(applied.ruleset);
  const moved = [...identities(ruleset)].filter(([name, identity]) => before.get(name) !== identity);
  return new Set([...changed.flatMap(({ containers }) => containers), ...moved.map(([name]) => name)]);
}

/** What proves each container's packets, as text. */
function identities({ endpoints }: Ruleset): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { container, bridge, port, mac, addresses } of endpoints) {
    const one = [bridge.index, port.index, mac, ...addresses.map(formatAddress)].join(' ');
    found.set(container.name, `${found.get(container.name) ?? ''}\n${one}`);
  }
  return found;
}
