import { isOpen } from '../../ruleset/unheld.ts';
import { indexWorld } from '../../ruleset/world-index.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const hostNetwork: Check = {
  code: 'host-network',
  severity: 'warning',
  title: "A container uses the host's network",
  why: "Its packets are the host's own, so no policy judges them, and it reaches what listens on the host's loopback.",
  evidence: '`network_mode: host`, or the network of a container that has it; not those of `not-held`',
  find: (facts) => {
    const { world } = facts;
    if (world === null) return [];
    const index = indexWorld(world);
    const concerned = world.containers.filter(
      (container) =>
        container.running && index.ownerOf(container).kind === 'host' && !isToldAsUnheld(container.id, facts),
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map((container) => `${who(container)}: network_mode host`),
        mend: {
          say: 'Give it a network of its own, and publish the ports it serves.',
          lines: [
            { kind: 'compose', text: 'networks: [default] # in place of network_mode: host' },
            { kind: 'compose', text: 'ports: ["127.0.0.1:PORT:PORT"]' },
          ],
        },
      },
    ];
  },
};

/** Whether another check tells of it already. */
export function isToldAsUnheld(id: string, { unheld }: Facts): boolean {
  return (unheld ?? []).some((one) => one.container.id === id && isOpen(one));
}
