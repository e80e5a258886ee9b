/** Packets of odd shapes, all with the sender's true MAC and address, to whom its policy denies. */
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { hostAddress, places } from '../../lab/world.ts';
import type { Forgery, Seat } from '../packets/forging.ts';
import { bytes, fragmented } from './fragments.ts';

export interface Aims {
  readonly self: Seat;
  readonly peer: Seat;
  readonly gateway: Seat;
}

/** `control`: it arrives when there is no Sluice; what the kernel or the engine drops by itself is tried all the same. */
interface Strange extends Forgery {
  readonly control: boolean;
}

type Family = 'v4' | 'v6';
interface Shape {
  readonly what: string;
  /** The packet, or the frames it goes in. */
  readonly make: (at: At) => Uint8Array | readonly Uint8Array[];
  /** Kernel or engine drop it by themselves, to these aims. */
  readonly never?: readonly string[];
  /** To these aims alone. */
  readonly only?: readonly string[];
}
interface At {
  readonly from: string;
  readonly to: string;
  readonly src: string;
  readonly dst: string;
  readonly token: string;
}

const udpBody = ({ src, dst, token }: At, pad = 64) =>
  frames.udp({ src, dst, sport: 4_321, dport: 9_999 }, token.padEnd(pad)).slice(src.includes(':') ? 40 : 20);

/** UDP in IPv4 with these options, whose bytes come to a multiple of four. */
export function withOptions(options: readonly number[]): (at: At) => Uint8Array {
  return ({ src, dst, ...at }) => {
    const packet = frames.udp({ src, dst, sport: 4_321, dport: 9_999 }, at.token);
    const words = 5 + options.length / 4;
    const head = bytes(packet.slice(0, 20), options);
    head[0] = 0x40 | words;
    const total = head.length + packet.length - 20;
    head.set([total >> 8, total & 255, 0x4c, 0x42, 0x40, 0], 2);
    head.set([0, 0], 10);
    const sum = frames.checksum(head);
    head.set([sum >> 8, sum & 255], 10);
    return bytes(head, packet.slice(20));
  };
}

/** UDP behind one IPv6 header more. */
export const behind =
  (next: number, header: readonly number[]): ((at: At) => Uint8Array) =>
  (at) =>
    frames.packet({ src: at.src, dst: at.dst, proto: next }, bytes(header, udpBody(at)));

const flags = ['S', 'SF', 'F', 'FPU', 'A', 'SA', 'PA', 'R', ''];
const protocols = [4, 41, 47, 50, 51, 132, 136, 253];

const both: readonly Shape[] = [
  { what: 'a datagram', make: (at) => frames.udp({ ...at, sport: 4_321, dport: 9_999 }, at.token) },
  { what: 'a datagram from port 53 to port 53', make: (at) => frames.udp({ ...at, sport: 53, dport: 53 }, at.token) },
  ...flags.map(
    (letters): Shape => ({
      what: `TCP with flags "${letters}" and data`,
      make: (at) => frames.tcp({ ...at, sport: 4_321, dport: 9_999, flags: letters, seq: 77, ack: 99 }, at.token),
      never: ['*'], // whether a middle without a beginning passes is conntrack's and the engine's to say
    }),
  ),
  ...protocols.map(
    (proto): Shape => ({
      what: `protocol ${proto}`,
      make: ({ src, dst, token }) => frames.packet({ src, dst, proto }, new TextEncoder().encode(token.padEnd(64))),
      ...([51, 41, 4, 47, 132, 136, 50].includes(proto) ? { never: ['*'] } : { never: ['host'] }),
    }),
  ),
  {
    what: 'two fragments',
    make: (at) => fragmented({ ...at, next: 17 }, udpBody(at, 200), [104]),
  },
  {
    what: 'fragments in the wrong order, the first of 8 bytes',
    make: (at) => fragmented({ ...at, next: 17 }, udpBody(at, 200), [8, 64]).toReversed(),
  },
  {
    what: 'a first fragment to nowhere, alone',
    make: (at) => fragmented({ ...at, next: 17 }, udpBody(at, 200), [128]).slice(0, 1),
    never: ['*'],
  },
  {
    what: 'a later fragment alone',
    make: (at) => fragmented({ ...at, next: 17 }, bytes(new Uint8Array(64), udpBody(at, 64)), [64]).slice(1),
    never: ['*'],
  },
  {
    what: 'fragments that overlap',
    make: (at) => {
      const allowed = fragmented({ ...at, next: 17 }, udpBody(at, 200), [64]);
      return [...allowed, ...allowed.toReversed()];
    },
    never: ['*'],
  },
  {
    what: 'a time exceeded about an allowed conversation',
    make: ({ src, dst, token }) => {
      const v6 = src.includes(':');
      const [outer, peer] = [{ src, dst }, v6 ? 'fd00:10:9:9::9' : '10.9.9.9'];
      const inner = frames.udp({ src: peer, dst: src, sport: 53, dport: 4_321 }, token);
      return frames.icmp({ ...outer, type: v6 ? 3 : 11 }, bytes([0, 0, 0, 0], inner));
    },
    never: ['*'],
  },
  {
    what: 'an echo reply',
    make: ({ src, dst, token }) =>
      frames.icmp(
        { src, dst, type: src.includes(':') ? 129 : 0 },
        bytes([1, 1, 0, 1], new TextEncoder().encode(token)),
      ),
    never: ['*'],
  },
];

const only4: readonly Shape[] = [
  { what: 'the option of no operation', make: withOptions([1, 1, 1, 0]) },
  { what: 'the router alert', make: withOptions([148, 4, 0, 0]) },
  { what: 'a record of the route', make: withOptions([7, 7, 4, 0, 0, 0, 0, 0]) },
  { what: 'a loose source route by an allowed host', make: withOptions([131, 7, 4, 10, 9, 9, 9, 0]), never: ['*'] },
  {
    what: 'a timestamp request',
    make: ({ src, dst, token }) =>
      frames.icmp({ src, dst, type: 13 }, bytes([1, 1, 0, 1], new Uint8Array(12), new TextEncoder().encode(token))),
  },
];

const only6: readonly Shape[] = [
  { what: 'hop-by-hop options', make: behind(0, [17, 0, 1, 4, 0, 0, 0, 0]) },
  { what: 'destination options', make: behind(60, [17, 0, 1, 4, 0, 0, 0, 0]) },
  { what: 'destination options twice', make: behind(60, [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]) },
  { what: 'a fragment that is the whole', make: behind(44, [17, 0, 0, 0, 1, 2, 3, 4]) },
  {
    what: 'a segment routing header',
    make: behind(43, [17, 2, 4, 0, 0, 0, 0, 0, ...frames.ip('fd00:10:9:9::9')]),
    never: ['*'],
  },
  {
    what: 'no next header',
    make: (at) => frames.packet({ src: at.src, dst: at.dst, proto: 59 }, new TextEncoder().encode(at.token)),
    never: ['host'],
  },
  {
    what: 'a node information query',
    make: (at) => frames.icmp({ ...at, type: 139 }, bytes([0, 0, 0, 0], new TextEncoder().encode(at.token))),
  },
  {
    what: 'a neighbour solicitation that is to be routed',
    make: (at) =>
      frames.icmp(
        { ...at, type: 135, ttl: 255 },
        bytes([0, 0, 0, 0], frames.ip(at.dst), new TextEncoder().encode(at.token)),
      ),
    never: ['*'],
    only: ['private', 'internet'], // on its own bridge it is what every neighbour may ask
  },
];

export function strangePackets({ self, peer, gateway }: Aims): readonly Strange[] {
  const aims = [
    { aim: 'a private host', key: 'private', to: gateway.mac, dst: places.private },
    { aim: 'the internet', key: 'internet', to: gateway.mac, dst: places.internet },
    { aim: 'a neighbour', key: 'neighbour', to: peer.mac, dst: peer },
    { aim: 'the host', key: 'host', to: gateway.mac, dst: hostAddress },
    { aim: 'the gateway', key: 'host', to: gateway.mac, dst: gateway },
  ] as const;
  const families: readonly Family[] = ['v4', 'v6'];
  const shaped = families.flatMap((family) =>
    [...both, ...(family === 'v4' ? only4 : only6)].flatMap(({ what, make, never = [], only }) =>
      aims
        .filter(({ key }) => only === undefined || only.includes(key))
        .map(({ aim, key, to, dst }): readonly Strange[] => {
          const at: At = { from: self.mac, to, src: self[family], dst: dst[family], token: freshToken() };
          const made = make(at);
          const type = frames.etherType(at.src);
          const sent = made instanceof Uint8Array ? [frames.ethernet({ from: at.from, to, type }, made)] : made;
          const control = !never.includes('*') && !never.includes(key);
          return sent.map((frame) => ({ name: `${what} to ${aim}, ${family}`, token: at.token, frame, control }));
        }),
    ),
  );
  const at: At = { from: self.mac, to: 'ff:ff:ff:ff:ff:ff', src: self.v4, dst: peer.v4, token: freshToken() };
  const packet = frames.udp({ ...at, sport: 4_321, dport: 9_999 }, at.token);
  const frame = frames.ethernet({ from: at.from, to: at.to, type: 0x0800 }, packet);
  const broadcast: Strange = {
    name: 'a datagram for one neighbour in a frame to all',
    token: at.token,
    frame,
    control: true,
  };
  return [...shaped.flat(), broadcast];
}
