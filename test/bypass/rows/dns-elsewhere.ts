import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Row } from '../row.ts';
import { byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const servers = [places.internet, places.ten, places.private];
const to = (port: number, proto: 'tcp' | 'udp'): readonly Attempt[] =>
  servers.flatMap((server) => families.map((family) => ({ from: 'app/app', to: server[family], port, proto })));

/** mDNS and LLMNR, by group and by broadcast. */
const groups: readonly Attempt[] = [
  { to: '224.0.0.251', port: 5353 },
  { to: '224.0.0.252', port: 5355 },
  { to: '255.255.255.255', port: 5353 },
  { to: 'ff02::fb%eth0', port: 5353 },
  { to: 'ff02::1:3%eth0', port: 5355 },
].map((group) => ({ from: 'app/app', ...group, proto: 'udp', timeout: 150 }));

export const anyServer: Row = {
  number: 2,
  title: 'DNS to a server of its own choice',
  tries: 'A question over UDP to servers on port 53 that are not the resolver: rules that open port 53 let it pass.',
  is: { state: 'closed', attempt: ({ site }) => byProbes(site, to(53, 'udp')) },
};

export const overTcp: Row = {
  number: 3,
  title: 'DNS over TCP',
  tries:
    'The same over TCP, which rules about udp/53 forget; to the allowed resolver, too, which is allowed UDP alone.',
  is: {
    state: 'closed',
    attempt: ({ site }) =>
      byProbes(site, [
        ...to(53, 'tcp'),
        ...families.map((family): Attempt => ({ from: 'app/app', to: places.dns[family], port: 53 })),
      ]),
  },
};

export const otherPorts: Row = {
  number: 4,
  title: 'DoT, DoQ, DNSCrypt, mDNS, LLMNR',
  tries: 'Names by other ports and protocols: 853/tcp, 853/udp, 443/udp, 5353/udp, and groups on the own bridge.',
  is: {
    state: 'closed',
    attempt: ({ site }) =>
      byProbes(site, [...to(853, 'tcp'), ...to(853, 'udp'), ...to(443, 'udp'), ...to(5353, 'udp'), ...groups]),
  },
};
