import { leadsToEngine } from '../../world/engine-paths.ts';
import type { Container } from '../../world/world.ts';
import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { sharedPaths } from '../mounts.ts';
import { who } from '../words.ts';
import { hasHostsRoot } from './running.ts';

export const engineSocket: Check = {
  code: 'engine-socket',
  severity: 'critical',
  title: 'A container has the control socket of the engine',
  why: 'Whoever can write to it can start a container that nothing holds, with the whole host mounted.',
  evidence:
    'a bind mount, or a local volume that is one, of /run/docker.sock, of containerd.sock, or of a folder that holds them (writable or not: a socket can be spoken to either way); not of a container whose users the engine maps',
  find: (facts) => {
    const concerned = (facts.world?.containers ?? []).flatMap((container) => {
      const paths = container.running ? pathsToEngine(container, facts) : [];
      return paths.length === 0 ? [] : [{ container, paths }];
    });
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, paths }) => `${who(container)}: ${paths.join(', ')} is mounted into it`),
        mend: {
          say: 'Take the mount away; a proxy that refuses to create containers can stand in for the socket.',
          lines: concerned.map(({ paths }) => ({
            kind: 'compose',
            text: `volumes: # without ${paths.join(', ')}`,
          })),
        },
      },
    ];
  },
};

/**
 * Paths by which it has a control socket of the engine; none where its root is not the host's. Below `/` the socket is on a
 * mount of its own, /run.
 */
export function pathsToEngine(container: Container, facts: Pick<Facts, 'engine' | 'volumes'>): readonly string[] {
  if (!hasHostsRoot(container, facts)) return [];
  const ofVolumes = sharedPaths(container, facts)
    .filter(({ path, whole, text }) => text !== path && leadsToEngine(path) && (whole || path !== '/'))
    .map(({ text }) => text);
  return [...(container.powers?.engineSockets ?? []), ...ofVolumes];
}
