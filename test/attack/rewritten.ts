/** A datagram whose destination is written anew after it was judged. */
import * as frames from '../../lab/frames.ts';
import type { Seat } from '../packets/forging.ts';

interface Rewritten {
  readonly self: Seat;
  readonly gateway: Seat;
  /** Where it says it goes, and the first two bytes of where it will. */
  readonly said: string;
  readonly meant: number;
  /** What observers know it by. */
  readonly token: string;
}

/** What the internet checksum of an even number of bytes is the complement of. */
const sum = (bytes: Uint8Array): number => 0xffff - frames.checksum(bytes);

/**
 * A datagram of 828 bytes that asks whoever takes it apart to fill in a checksum first: not at a checksum's place, but over
 * the first half of its own destination (packet(7), PACKET_VNET_HDR; net/ipv4/ip_output.c, ip_do_fragment). It is sent on
 * with a good header, since every fragment's is made anew.
 */
export function rewritten({ self, gateway, said, meant, token }: Rewritten) {
  const packet = frames.udp({ src: self.v4, dst: said, sport: 5_000, dport: 53 }, token.padEnd(800));
  packet[6] = 0; // may be taken apart
  packet.set([0, 0], 10);
  const header = frames.checksum(packet.slice(0, 20));
  packet.set([header >> 8, header & 255], 10);
  packet.set([0, 0], 26); // no checksum of its own
  packet.set([0, 0], 826);
  // a good header sums up to nothing, whatever TTL and NAT do to it: so the part behind its first 6 bytes is known
  const rest = (0xffff - sum(packet.slice(0, 6)) + sum(packet.slice(20))) % 0xffff;
  const missing = (2 * 0xffff - meant - rest) % 0xffff;
  packet.set([missing >> 8, missing & 255], 826);
  const frame = frames.ethernet({ from: self.mac, to: gateway.mac, type: 0x0800 }, packet);
  return { frames: [frame], offload: { start: 20, offset: 10 } } as const;
}
