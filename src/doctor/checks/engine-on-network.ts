import { indexWorld } from '../../ruleset/world-index.ts';
import type { World } from '../../world/world.ts';
import type { Check } from '../finding.ts';
import { who } from '../words.ts';

export const engineOnNetwork: Check = {
  code: 'engine-on-network',
  severity: 'critical',
  title: "The engine's API listens on the network and asks nobody who they are",
  why: 'Whoever reaches it can start a container that nothing holds, with the whole host mounted.',
  evidence:
    "an address of TCP among `-H` of the running dockerd or `hosts` of its daemon.json, without `tlsverify`; one of the loopback where a running container has the host's network",
  find: ({ api, world }) => {
    const near = world === null ? [] : onHost(world);
    const open = (api ?? []).filter(({ verifies, loopback }) => !verifies && (!loopback || near.length > 0));
    if (open.length === 0) return [];
    return [
      {
        seen: open.map(
          ({ address, loopback }) =>
            `dockerd listens on ${address}${loopback ? `, which ${near.join(', ')} reaches on the host's network` : ''}`,
        ),
        mend: {
          say: 'Take the address away (`docker -H ssh://…` comes from elsewhere without one), or ask callers for a certificate, and restart the engine.',
          lines: [
            { kind: 'file', text: '/etc/docker/daemon.json: "tlsverify": true, with tlscacert, tlscert and tlskey' },
          ],
        },
      },
    ];
  },
};

function onHost(world: World): readonly string[] {
  const index = indexWorld(world);
  return world.containers.filter((container) => container.running && index.ownerOf(container).kind === 'host').map(who);
}
