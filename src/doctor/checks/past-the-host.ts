import type { Check } from '../finding.ts';
import { shellWord, who } from '../words.ts';
import { isToldAsUnheld } from './host-network.ts';

export const pastTheHost: Check = {
  code: 'past-the-host',
  severity: 'warning',
  title: "A container is on a network that passes the host's hooks by",
  why: 'What it sends there is seen by no rule of this host.',
  evidence:
    'a running container on a network of driver macvlan, ipvlan or overlay, or of a plugin; not those of `not-held`',
  find: (facts) => {
    const { world } = facts;
    if (world === null) return [];
    const networks = new Map(world.networks.filter(({ driver }) => driver !== 'bridge').map((one) => [one.id, one]));
    const concerned = world.containers.flatMap((container) =>
      container.running && !isToldAsUnheld(container.id, facts)
        ? container.endpoints.flatMap(({ network }) => {
            const on = networks.get(network);
            return on === undefined ? [] : [{ container, on }];
          })
        : [],
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ container, on }) => `${who(container)}: on ${on.name}, driver ${on.driver}`),
        mend: {
          say: 'Put it on a bridge network instead.',
          lines: concerned.map(({ container, on }) => ({
            kind: 'run',
            text: `docker network disconnect ${shellWord(on.name)} ${shellWord(container.name)}`,
          })),
        },
      },
    ];
  },
};
