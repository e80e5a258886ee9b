import type { Check } from '../finding.ts';

export const loopbackRouted: Check = {
  code: 'loopback-routed',
  severity: 'warning',
  title: "The kernel takes packets for the host's loopback from containers",
  why: 'A frame that is made up, which every container may send by the capability NET_RAW, reaches what listens on 127.0.0.1 of the host: where no policy holds its sender.',
  evidence:
    'net.ipv4.conf.BRIDGE.route_localnet, or that of `all`, is not 0 for the bridge of a network of the engine; engines without docker-proxy (`userland-proxy: false`) set it',
  find: ({ world, routesLoopback }) => {
    const concerned = (world?.networks ?? []).flatMap(({ name, bridge }) =>
      bridge !== null && routesLoopback?.includes(bridge.name) === true ? [{ name, bridge: bridge.name }] : [],
    );
    if (concerned.length === 0) return [];
    return [
      {
        seen: concerned.map(({ name, bridge }) => `net.ipv4.conf.${bridge}.route_localnet = 1 (${name})`),
        mend: {
          say: 'Leave the ports of the loopback to docker-proxy ("userland-proxy": true in /etc/docker/daemon.json, and a restart), and turn it off.',
          lines: ['all', ...concerned.map(({ bridge }) => bridge)].map((name) => ({
            kind: 'run' as const,
            text: `sysctl -w net.ipv4.conf.${name}.route_localnet=0`,
          })),
        },
      },
    ];
  },
};
