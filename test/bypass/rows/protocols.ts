import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { type Forgery, gatewayOf, seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Row } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

const families = ['v4', 'v6'] as const;
const who = 'app/elasticsearch';

/** Everything that has ports, everywhere: what is tried here has none. */
const everyPort: Held = {
  policy: `version: 1
projects:
  app: { allow: ["internet:1-65535/tcp+udp", "private:1-65535/tcp+udp"] }
`,
  allowed: families.flatMap((family): readonly Attempt[] => [
    { from: who, to: places.internet[family], port: 443 },
    { from: who, to: places.private[family], port: 514, proto: 'udp' },
  ]),
};

/** ICMP messages that carry data, and are neither echo nor errors; of ICMPv6 such as nobody knows. */
const messages = { v4: [8, 13, 15, 17, 42, 253], v6: [128, 139, 160, 200, 254] } as const;

/** Each message to the internet, with its data after the eight bytes that all of them have. */
async function everyMessage(site: Site): Promise<readonly Forgery[]> {
  const self = await seatOf(site, who);
  const gateway = await gatewayOf(site, 'app_default');
  return families.flatMap((family) =>
    messages[family].map((type) => {
      const token = freshToken();
      const body = Uint8Array.from([0, 7, 0, 1, ...Buffer.from(token)]);
      const packet = frames.icmp({ src: self[family], dst: places.internet[family], type }, body);
      const at = { from: self.mac, to: gateway.mac, type: frames.etherType(self[family]) };
      return { name: `ICMP${family === 'v6' ? 'v6' : ''} type ${type}`, token, frame: frames.ethernet(at, packet) };
    }),
  );
}

export const icmpTunnel: Row = {
  number: 38,
  title: 'an ICMP tunnel',
  tries: 'Data in echo requests and in ICMP messages nobody uses, past a policy that speaks of TCP and UDP alone.',
  is: {
    state: 'closed',
    under: [everyPort],
    attempt: async ({ site }) => [
      ...(await byProbes(
        site,
        [places.internet, places.private].flatMap((place) =>
          families.map((family): Attempt => ({ from: who, to: place[family], proto: 'icmp' })),
        ),
      )),
      ...(await byFrames(site, who, await everyMessage(site))),
    ],
  },
};

/** IPIP, IPv6 in IP, GRE, ESP, AH, SCTP, UDP-Lite, and for experiments (RFC 3692). */
const numbers = { v4: [4, 41, 47, 50, 51, 132, 136, 253, 254], v6: [4, 41, 47, 50, 132, 136, 253, 254] } as const;

export const otherProtocols: Row = {
  number: 39,
  title: 'SCTP, GRE, ESP, IPIP, unknown protocols',
  tries: 'IP protocols that a list of TCP, UDP and ICMP forgets, from a raw socket, which Docker allows by default.',
  is: {
    state: 'closed',
    under: [everyPort],
    attempt: ({ site }) =>
      byProbes(
        site,
        [places.internet, places.private].flatMap((place) =>
          families.flatMap((family) =>
            numbers[family].map((proto): Attempt => ({ from: who, to: place[family], proto, port: 9 })),
          ),
        ),
      ),
  },
};
