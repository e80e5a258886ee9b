import type { Check } from '../finding.ts';
import { hasDockerBridges } from '../rules.ts';

export const ip6Unmanaged: Check = {
  code: 'ip6-unmanaged',
  severity: 'warning',
  title: 'The engine makes no rules for IPv6, and a network has IPv6',
  why: 'Nothing of Docker’s parts its containers from others over IPv6, and DOCKER-USER is not asked; engines up to 26 are so unless they are told otherwise.',
  evidence:
    'a bridge network with IPv6 and a running container on it; no chain of Docker’s in ip6tables and no table `ip6 docker-bridges`, while there are such for IPv4',
  find: ({ world, rules }) => {
    if (world === null || rules === null) return [];
    const families = new Set(rules.layouts.map(({ family }) => family));
    if (families.has('ip6') || !families.has('ip') || hasDockerBridges(rules, 'ip6')) return [];
    const concerned = world.networks.filter(
      ({ id, ipv6, bridge }) =>
        ipv6 === true &&
        bridge !== null &&
        world.containers.some(({ running, endpoints }) => running && endpoints.some(({ network }) => network === id)),
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(
          ({ name, bridge }) => `${name} (${bridge?.name}) has IPv6; ip6tables has no chain of Docker's`,
        ),
        mend: {
          say: 'Let the engine manage ip6tables, and restart it.',
          lines: [
            { kind: 'file', text: '/etc/docker/daemon.json: "ip6tables": true (up to 26 with "experimental": true)' },
          ],
        },
      },
    ];
  },
};
