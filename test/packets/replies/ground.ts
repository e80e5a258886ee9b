import type { Engine } from '../../../lab/roots.ts';
import type { Site } from '../../../lab/site.ts';
import { bridgeOf } from '../forging.ts';

export const families = ['v4', 'v6'] as const;
export const protocols = ['tcp', 'udp'] as const;
export const paths = ['nat', 'routed'] as const;
export type Family = (typeof families)[number];
export type Path = (typeof paths)[number];

/** A container behind masquerade and one whose addresses the world has routes to, each with a neighbour. */
export function project(engine: Engine): string {
  // what makes a network routed: before engine 27 nothing but the want of masquerade
  const routed =
    engine === '28.5'
      ? {
          'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
          'com.docker.network.bridge.gateway_mode_ipv6': 'routed',
        }
      : { 'com.docker.network.bridge.enable_ip_masquerade': 'false' };
  const service = (name: string, ports: readonly string[]) =>
    `  ${name}: { image: lab/app, networks: [${name.replace('friend-', '')}], ports: ${JSON.stringify(ports)} }`;
  return `version: '3'
services:
${service('nat', ['3000:3000', '5300:53/udp'])}
${service('routed', ['3001:3000', '5301:53/udp'])}
${service('friend-nat', [])}
${service('friend-routed', [])}
networks:
  nat:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
  routed:
    enable_ipv6: true
    driver_opts: ${JSON.stringify(routed)}
    ipam: { config: [{ subnet: 172.21.0.0/16 }, { subnet: "fd00:172:21::/64" }] }
`;
}

/** Ports of a server that speaks unasked: what every policy here allows, and what only the first does. */
export const kept = 6001;
export const lost = 6000;
export const open = `version: 1
projects: { app: { allow: any } }
`;
export const tight = `version: 1
projects: { app: { allow: ["internet:${kept}/tcp+udp"] } }
`;

/** A firewall that believes every reply, in the place of Sluice, while something is done. */
export async function naively(site: Site, drop: (bridges: string) => string, work: () => Promise<void>): Promise<void> {
  const bridges = await Promise.all(paths.map((path) => bridgeOf(site, `app_${path}`)));
  await site.host.nft(`table inet naive { chain f { type filter hook forward priority -10;
    ct direction reply accept
    ${drop(`iifname { ${bridges.join(', ')} }`)}; }; }`);
  try {
    await work();
  } finally {
    await site.host.nft('delete table inet naive');
  }
}

/** Conntrack forgets every conversation. */
export const flush = (site: Site) => site.host.must(['conntrack', '-F']);

/** Microseconds since the epoch, as observers tell the time. */
export const now = () => Date.now() * 1000;
