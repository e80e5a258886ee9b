import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { type Forgery, forgedUdp, gatewayOf, seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Row, Sighting } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const who = 'app/elasticsearch';
/** Segments that begin no conversation, or carry data before there is one (TCP Fast Open, RFC 7413). */
const flags = ['S', 'SA', 'A', 'PA', 'R', 'RA', 'FA', 'FPU', ''] as const;

/** Each kind of segment, and errors about conversations that never were, all with data. */
async function oddSegments(site: Site): Promise<readonly Forgery[]> {
  const self = await seatOf(site, who);
  const gateway = await gatewayOf(site, 'app_default');
  return families.flatMap((family) => {
    const [src, dst] = [self[family], places.private[family]];
    const at = { from: self.mac, to: gateway.mac, type: frames.etherType(src) };
    const segments = flags.map((set, number) => {
      const token = freshToken();
      const segment = frames.tcp({ src, dst, sport: 41_000 + number, dport: 22, flags: set }, token);
      return { name: `TCP ${set || 'without flags'} to ${dst}`, token, frame: frames.ethernet(at, segment) };
    });
    const token = freshToken();
    const quoted = frames.udp({ src: dst, dst: src, sport: 7_777, dport: 8_888 }, token);
    const type = family === 'v4' ? 3 : 1;
    const error = frames.icmp(
      { src, dst, type, code: family === 'v4' ? 3 : 4 },
      Uint8Array.from([0, 0, 0, 0, ...quoted]),
    );
    return [...segments, { name: `an ICMP error to ${dst}`, token, frame: frames.ethernet(at, error) }];
  });
}

export const oddPackets: Row = {
  number: 56,
  title: 'data in SYNs, resets and ICMP errors',
  tries:
    'Packets that belong to no conversation and are let pass as "harmless": they carry data, too. Timing, sizes and header fields of what is allowed stay.',
  is: { state: 'closed', attempt: async ({ site }) => byFrames(site, who, await oddSegments(site)) },
  outside: 'covert-channels',
};

const groups: readonly Attempt[] = [
  { to: '239.255.255.250', port: 1900 },
  { to: '224.0.0.1', port: 9 },
  { to: '255.255.255.255', port: 67 },
  { to: '172.20.255.255', port: 137 },
  { to: 'ff02::1%eth0', port: 9 },
  { to: 'ff02::c%eth0', port: 1900 },
].map((group) => ({ from: who, ...group, proto: 'udp', timeout: 150 }));

/**
 * A DHCP client's packets (RFC 2131 4.1): from port 68 to port 67, to all and to the gateway, and by hand from 0.0.0.0 like
 * one that has no address yet. Firewalls let such pass as harmless.
 */
async function asDhcpClient(site: Site): Promise<readonly Sighting[]> {
  const gateway = await gatewayOf(site, 'app_default');
  const ports = { sport: 68, dport: 67 };
  const ofKernel = ['255.255.255.255', gateway.v4].map(
    (to): Attempt => ({ from: who, to, port: ports.dport, sport: ports.sport, proto: 'udp', timeout: 150 }),
  );
  const { mac, v4 } = await seatOf(site, who);
  const frame = (name: string, to: string, src: string, dst: string) =>
    forgedUdp(name, { from: mac, to, src, dst, ...ports });
  const byHand = [
    frame('DHCP from 0.0.0.0 to all', 'ff:ff:ff:ff:ff:ff', '0.0.0.0', '255.255.255.255'),
    frame('DHCP from its own address to all', 'ff:ff:ff:ff:ff:ff', v4, '255.255.255.255'),
    frame("DHCP from its own address to the gateway's MAC", gateway.mac, v4, gateway.v4),
  ];
  return [...(await byProbes(site, ofKernel, ' from port 68')), ...(await byFrames(site, who, byHand))];
}

export const groupAddresses: Row = {
  number: 57,
  title: 'multicast, broadcast, SSDP, DHCP',
  tries:
    "Group addresses of the own bridge, which need no route and no conversation, and a DHCP client's packets: neighbours and the host receive them.",
  is: {
    state: 'closed',
    attempt: async ({ site }) => [...(await byProbes(site, groups)), ...(await asDhcpClient(site))],
  },
};
