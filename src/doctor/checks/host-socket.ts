import { leadsToEngine } from '../../world/engine-paths.ts';
import type { Check } from '../finding.ts';
import { sharedPaths } from '../mounts.ts';
import { who } from '../words.ts';

export const hostSocket: Check = {
  code: 'host-socket',
  severity: 'warning',
  title: 'A container can speak to a program of the host by its socket',
  why: 'What that program does for it, it does as the host: no rule about the container sees a packet of it.',
  evidence:
    'a bind mount, or a local volume that is one, of which the path is a unix socket on the host; not those of `engine-socket` and `sluice-shared`',
  find: (facts) => {
    const { world, sockets, own } = facts;
    if (world === null || sockets === null) return [];
    const concerned = world.containers.flatMap((container) => {
      const paths = (container.running ? sharedPaths(container, facts) : []).filter(
        ({ path }) => sockets.includes(path) && path !== own.socket && !leadsToEngine(path),
      );
      return paths.length === 0 ? [] : [{ container, paths }];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, paths }) => `${who(container)}: ${paths.map(({ text }) => text).join(', ')}`),
        mend: {
          say: 'Look what listens there and what it does when asked; take the mount away where that is more than it may.',
          lines: concerned.flatMap(({ paths }) =>
            paths.map(({ text }) => ({ kind: 'compose' as const, text: `volumes: # without ${text}` })),
          ),
        },
      },
    ];
  },
};
