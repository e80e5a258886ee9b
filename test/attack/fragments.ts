/** One packet as several fragments, cut where its sender likes. */
import * as frames from '../../lab/frames.ts';

/** What a fragmented packet says of itself, beside its body. */
interface Whole {
  readonly from: string;
  readonly to: string;
  readonly src: string;
  readonly dst: string;
  /** IPv4: its protocol; IPv6: what stands first behind the fragment header. */
  readonly next: number;
  readonly ttl?: number;
}

export const bytes = (...parts: (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const be16 = (value: number): readonly number[] => [(value >> 8) & 255, value & 255];

let identification = 0x4200;

/**
 * The body in fragments.
 *
 * @param cuts where the next one begins, bytes from the body's beginning, multiples of 8
 */
export function fragmented(whole: Whole, body: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const id = ++identification;
  return [0, ...cuts].map((start, index) => {
    const end = cuts[index] ?? body.length;
    const piece = body.slice(start, end);
    const more = end < body.length;
    return whole.src.includes(':')
      ? fragment6(whole, id, start, more, piece)
      : fragment4(whole, id, start, more, piece);
  });
}

function fragment4(
  { from, to, src, dst, next, ttl = 64 }: Whole,
  id: number,
  start: number,
  more: boolean,
  piece: Uint8Array,
) {
  const offset = (start / 8) | (more ? 0x2000 : 0);
  const head = bytes(
    [0x45, 0],
    be16(20 + piece.length),
    be16(id),
    be16(offset),
    [ttl, next, 0, 0],
    frames.ip(src),
    frames.ip(dst),
  );
  head.set(be16(frames.checksum(head)), 10);
  return frames.ethernet({ from, to, type: 0x0800 }, bytes(head, piece));
}

function fragment6(
  { from, to, src, dst, next, ttl = 64 }: Whole,
  id: number,
  start: number,
  more: boolean,
  piece: Uint8Array,
) {
  const header = bytes([next, 0], be16(start | (more ? 1 : 0)), [0, 0], be16(id));
  return frames.ethernet({ from, to, type: 0x86dd }, frames.packet({ src, dst, proto: 44, ttl }, bytes(header, piece)));
}

/**
 * An ICMPv6 message behind two headers of destination options, cut between them: nobody who looks at the first fragment can
 * tell what the packet is, and a kernel that refuses first fragments whose headers are cut short (RFC 8200 4.5) does not see
 * that they are (net/ipv6/exthdrs_core.c, ipv6_skip_exthdr).
 */
export function hiddenIcmp6(at: Omit<Whole, 'next'>, packet: Uint8Array): readonly Uint8Array[] {
  const padded = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]; // RFC 8200 4.2: PadN over the rest of 8 bytes
  return fragmented({ ...at, next: 60 }, bytes(padded(60), padded(58), packet.slice(40)), [8]);
}
