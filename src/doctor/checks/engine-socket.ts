import type { Check } from '../finding.ts';
import { who } from '../words.ts';
import { runningWith } from './running.ts';

export const engineSocket: Check = {
  code: 'engine-socket',
  severity: 'critical',
  title: 'A container has the control socket of the engine',
  why: 'Whoever can write to it can start a container that nothing holds, with the whole host mounted.',
  evidence: 'a bind mount of /run/docker.sock, of containerd.sock, or of a folder that holds them',
  find: ({ world }) => {
    const concerned = runningWith(world, ({ engineSockets }) => engineSockets.length > 0);
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(
          ({ container, powers }) => `${who(container)}: ${powers.engineSockets.join(', ')} is mounted into it`,
        ),
        mend: {
          say: 'Take the mount away; a proxy that refuses to create containers can stand in for the socket.',
          lines: concerned.map(({ powers }) => ({
            kind: 'compose',
            text: `volumes: # without ${powers.engineSockets.join(', ')}`,
          })),
        },
      },
    ];
  },
};
