import type { Check } from '../finding.ts';
import { hasDockerBridges } from '../rules.ts';

export const backendMismatch: Check = {
  code: 'backend-mismatch',
  severity: 'warning',
  title: 'The engine says it makes nftables rules, and makes them with iptables',
  why: 'Engines 28.2 to 28.5 then leave out DOCKER-USER, so rules of your own that are put there are never asked.',
  evidence:
    '`FirewallBackend.Driver` of the engine is nftables, there is no table `ip docker-bridges`, and chains of Docker’s stand in iptables',
  find: ({ engine, rules, world }) => {
    if (engine?.firewallBackend?.startsWith('nftables') !== true || rules === null) return [];
    const layouts = rules.layouts.filter(({ family }) => family === 'ip');
    if (layouts.length === 0 || hasDockerBridges(rules, 'ip')) return [];
    return [
      {
        seen: [
          `engine ${world?.engine.version ?? ''} says ${engine.firewallBackend}`,
          ...layouts.map(({ evidence }) => `iptables: ${evidence}`),
        ],
        mend: {
          say: 'Take the setting away and restart the engine, or use 29, which does what it says.',
          lines: [
            {
              kind: 'file',
              text: '/etc/docker/daemon.json: "firewall-backend": "iptables"; no DOCKER_FIREWALL_BACKEND',
            },
          ],
        },
      },
    ];
  },
};
