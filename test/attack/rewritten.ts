/** A datagram whose destination is written anew after it was judged. */
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { gatewayOf, type Seat, seatOf } from '../packets/forging.ts';

interface Rewritten {
  readonly self: Seat;
  readonly gateway: Seat;
  /** Where it says it goes, and the first two bytes of where it will. */
  readonly said: string;
  readonly meant: number;
  /** What observers know it by. */
  readonly token: string;
  /** Bytes of the packet, even. */
  readonly size: number;
}

/** Of IPv4 and UDP, bytes. */
const headers = 28;

/** What the internet checksum of an even number of bytes is the complement of. */
const sum = (bytes: Uint8Array): number => 0xffff - frames.checksum(bytes);

/**
 * A datagram that asks whoever takes it apart to fill in a checksum first: not at a checksum's place, but over
 * the first half of its own destination (packet(7), PACKET_VNET_HDR; net/ipv4/ip_output.c, ip_do_fragment). It is sent on
 * with a good header, since every fragment's is made anew.
 */
function rewritten({ self, gateway, said, meant, token, size }: Rewritten) {
  // one that no NAT needs to change, which would count: each is sent from another
  const sport = 20_000 + Math.floor(Math.random() * 40_000);
  const packet = frames.udp({ src: self.v4, dst: said, sport, dport: 53 }, token.padEnd(size - headers));
  packet[6] = 0; // may be taken apart
  packet.set([0, 0], 10);
  const header = frames.checksum(packet.slice(0, 20));
  packet.set([header >> 8, header & 255], 10);
  packet.set([0, 0], 26); // no checksum of its own
  packet.set([0, 0], size - 2);
  // a good header sums up to nothing, whatever TTL and NAT do to it: so the part behind its first 6 bytes is known
  const rest = (0xffff - sum(packet.slice(0, 6)) + sum(packet.slice(20))) % 0xffff;
  const missing = (2 * 0xffff - meant - rest) % 0xffff;
  packet.set([missing >> 8, missing & 255], size - 2);
  const frame = frames.ethernet({ from: self.mac, to: gateway.mac, type: 0x0800 }, packet);
  return { frames: [frame], offload: { start: 20, offset: 10 } } as const;
}

/** A way out that takes such a packet apart. */
export const few = 1_280;

/** What a policy has to allow for it: what the packet says of itself while it is judged. */
export const said = { to: '10.9.9.9', port: 53, proto: 'udp' } as const;

/**
 * Sends one that says it is for {@link said}, and means 45.90.9.9. Who has seen it?
 *
 * @param network that the sender's frames go to the gateway of
 * @param size bytes of the packet; the host's way out must take fewer for it to be taken apart
 */
export async function sendAstray(
  site: Site,
  who: string,
  network = 'app_default',
  size = 1_400,
): Promise<{ readonly there: boolean; readonly astray: boolean }> {
  const token = freshToken();
  const [self, gateway] = [await seatOf(site, who), await gatewayOf(site, network)];
  const sent = rewritten({ self, gateway, said: said.to, meant: 0x2d5a, token, size });
  await site.host.sendFrames(who, sent.frames, { offload: sent.offload });
  return { there: await site.ten.saw(token), astray: await site.internet.saw(token) };
}

/** Makes the host's card take so many bytes: {@link few}, which IPv6 can still do with, are too few for a packet of those. */
export async function takeAtMost(site: Site, bytes: number): Promise<void> {
  await site.host.must(['ip', 'link', 'set', 'eth0', 'mtu', String(bytes)]);
}
