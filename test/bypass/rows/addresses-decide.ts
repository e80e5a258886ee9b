import * as frames from '../../../lab/frames.ts';
import { freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { type Forgery, gatewayOf, seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import type { Held, Row, Sighting } from '../row.ts';
import { byFrames, byProbes } from '../sightings.ts';

/** What others decide by a name and we by the address: no name, and no want of one, opens an address. */

const families = ['v4', 'v6'] as const;
const from = 'app/app';

/** A proxy by its address, and a name; a name allows nothing. */
const nameAndProxy: Held = {
  policy: `version: 1
projects:
  app: { allow: ["${places.proxy.v4}:3128", "ok.example.com:443"] }
`,
  allowed: [{ from, to: places.proxy.v4, port: 3128 }],
};

export const overHttps: Row = {
  number: 5,
  title: 'DNS over HTTPS',
  tries: 'Public resolvers on port 443, by their addresses. Where 443 is allowed to everybody, they are as well.',
  outside: 'names',
  is: {
    state: 'closed',
    attempt: ({ site }) =>
      byProbes(
        site,
        ['1.1.1.1', '8.8.8.8', '9.9.9.9', '2606:4700:4700::1111', '2001:4860:4860::8888', '2620:fe::fe'].map(
          (to): Attempt => ({ from, to, port: 443 }),
        ),
      ),
  },
};

/** Makes a name lead to an address in the container's own /etc/hosts, and asks there for a page. */
async function byOwnHosts(site: Site): Promise<readonly Sighting[]> {
  const seen: Sighting[] = [];
  for (const place of [places.private, places.internet]) {
    const token = freshToken();
    const name = 'ok.example.com';
    const script = `cat /etc/hosts > /tmp/hosts; echo ${place.v4} ${name} >> /etc/hosts; wget -T 2 -O - http://${name}/${token}; cat /tmp/hosts > /etc/hosts`;
    await site.host.exec(from, ['sh', '-c', script]);
    const arrived = await site.arrivedAnywhere(token);
    seen.push({
      what: `${from}: http://${name} is ${place.v4} in /etc/hosts`,
      at: arrived ? ['a far host'] : [],
    });
  }
  return seen;
}

export const ownHosts: Row = {
  number: 11,
  title: '/etc/hosts, own resolver, bare address',
  tries: 'An allowed name that leads elsewhere by the container’s own doing, and addresses with no name at all.',
  is: {
    state: 'closed',
    under: [nameAndProxy],
    attempt: async ({ site }) => [
      ...(await byOwnHosts(site)),
      ...(await byProbes(
        site,
        families.map((family): Attempt => ({ from, to: places.internet[family], port: 443 })),
      )),
    ],
  },
};

/** A TLS 1.2 ClientHello (RFC 5246 section 7.4.1.2) with the token in its session id, and a name (RFC 6066) unless null. */
function clientHello(token: string, name: string | null): Uint8Array {
  const word = (value: number) => [value >> 8, value & 255];
  const sized = (bytes: readonly number[]) => [...word(bytes.length), ...bytes];
  const text = (letters: string) => [...Buffer.from(letters)];
  const sni = name === null ? [] : [0, 0, ...sized(sized([0, ...sized(text(name))]))];
  const random = Array.from({ length: 32 }, (_, index) => index);
  const session = text(token);
  const body = [3, 3, ...random, session.length, ...session, 0, 2, 0x13, 1, 1, 0, ...sized(sni)];
  const handshake = [1, 0, ...word(body.length), ...body];
  return Uint8Array.from([22, 3, 1, ...sized(handshake)]);
}

/** Segments with a ClientHello, as whoever dispenses with the handshake sends them. */
async function hellos(
  site: Site,
  kinds: readonly { readonly kind: string; readonly name: string | null; readonly dport: number }[],
): Promise<readonly Forgery[]> {
  const self = await seatOf(site, 'app/elasticsearch');
  const gateway = await gatewayOf(site, 'app_default');
  return families.flatMap((family) =>
    kinds.map(({ kind, name, dport }, index) => {
      const token = freshToken();
      const dst = places.internet[family];
      const ends = { src: self[family], dst, sport: 42_000 + index, dport, flags: 'PA', ack: 1 };
      const at = { from: self.mac, to: gateway.mac, type: frames.etherType(dst) };
      return {
        name: `${kind} to ${dst} port ${dport}`,
        token,
        frame: frames.ethernet(at, frames.tcp(ends, clientHello(token, name))),
      };
    }),
  );
}

const connections = (ports: readonly number[]) =>
  ports.flatMap((port) => families.map((family): Attempt => ({ from, to: places.internet[family], port })));

export const forgedName: Row = {
  number: 13,
  title: 'an allowed name in the handshake, another address',
  tries: "A ClientHello with an allowed server name, to an attacker's address.",
  is: {
    state: 'closed',
    under: [nameAndProxy],
    attempt: async ({ site }) => [
      ...(await byProbes(site, connections([443]))),
      ...(await byFrames(
        site,
        'app/elasticsearch',
        await hellos(site, [{ kind: 'ClientHello for ok.example.com', name: 'ok.example.com', dport: 443 }]),
      )),
    ],
  },
};

export const noName: Row = {
  number: 16,
  title: 'TLS without a name, on odd ports',
  tries: 'A ClientHello that names nobody, and TLS on ports where nobody looks for it.',
  is: {
    state: 'closed',
    under: [nameAndProxy],
    attempt: async ({ site }) => [
      ...(await byProbes(site, connections([443, 8443, 53, 22]))),
      ...(await byFrames(
        site,
        'app/elasticsearch',
        await hellos(
          site,
          [443, 8443].map((dport) => ({ kind: 'ClientHello without a name', name: null, dport })),
        ),
      )),
    ],
  },
};

export const quic: Row = {
  number: 17,
  title: 'QUIC',
  tries: 'The web over UDP, past a policy that allows it over TCP.',
  is: {
    state: 'closed',
    under: [
      {
        policy: 'version: 1\nprojects:\n  app: { allow: ["internet:443"] }\n',
        allowed: connections([443]),
      },
    ],
    attempt: ({ site }) =>
      byProbes(
        site,
        [443, 80, 8443].flatMap((port) =>
          families.map((family): Attempt => ({ from, to: places.internet[family], port, proto: 'udp' })),
        ),
      ),
  },
};

export const proxyIgnored: Row = {
  number: 18,
  title: 'the proxy ignored',
  tries: 'A program that does not read HTTP_PROXY, or whose environment is empty, connects by itself.',
  is: { state: 'closed', attempt: ({ site }) => byProbes(site, connections([80, 443, 8080])) },
};
