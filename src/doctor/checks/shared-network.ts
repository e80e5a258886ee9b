import { indexWorld } from '../../ruleset/world-index.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const sharedNetwork: Check = {
  code: 'shared-network',
  severity: 'note',
  title: 'A container uses the network of another',
  why: "Its packets are the other's: they have one policy, and what one of them listens on at its loopback the other reaches.",
  evidence: '`network_mode: service:NAME` or `container:NAME`, of a container that is on networks of its own',
  find: ({ world }) => {
    if (world === null) return [];
    const index = indexWorld(world);
    const concerned = world.containers.flatMap((container) => {
      if (!container.running || container.networkMode.kind !== 'container') return [];
      const owner = index.ownerOf(container);
      return owner.kind === 'container' ? [{ container, owner: owner.container }] : [];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, owner }) => `${who(container)}: the network of ${who(owner)}`),
        mend: {
          say: 'Where they may not reach the same, give it a network of its own.',
          lines: [{ kind: 'compose', text: 'networks: [default] # in place of network_mode' }],
        },
      },
    ];
  },
};
