import { leadsToEngine } from '../../world/engine-paths.ts';
import type { Check } from '../finding.ts';
import { sightingOf } from '../mounts.ts';

export const hostSocket: Check = {
  code: 'host-socket',
  severity: 'warning',
  title: 'A container can speak to a program of the host by its socket',
  why: 'What that program does for it, it does as the host: no rule about the container sees a packet of it.',
  evidence:
    'a bind mount, or a local volume that is one, of which the path is a unix socket on the host; not those of `engine-socket` and `sluice-shared`',
  find: (facts) => {
    const { sockets, own } = facts;
    if (sockets === null) return [];
    return sightingOf(facts, ({ path }) => sockets.includes(path) && path !== own.socket && !leadsToEngine(path), {
      say: 'Look what listens there and what it does when asked; take the mount away where that is more than it may.',
      volumes: (text) => `without ${text}`,
    });
  },
};
