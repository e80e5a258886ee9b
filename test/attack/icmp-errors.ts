/** Errors of ICMP and ICMPv6 that quote a conversation, with bytes of the sender's own behind what they quote. */
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import type { Forgery } from '../packets/forging.ts';
import { bytes } from './fragments.ts';

interface Way {
  readonly from: string;
  readonly to: string;
  readonly src: string;
  readonly dst: string;
}

/**
 * Destination unreachable (RFC 792, RFC 4443): host, or no route.
 *
 * @param quoted a packet as it would have come to the sender
 */
export function icmpError(name: string, at: Way, quoted: Uint8Array): Forgery {
  const token = freshToken();
  const isV6 = at.src.includes(':');
  const head = quoted.slice(0, (isV6 ? 40 : 20) + (quoted[isV6 ? 6 : 9] === 6 ? 20 : 8));
  const body = bytes([0, 0, 0, 0], head, new TextEncoder().encode(token.padEnd(120)));
  const message = { src: at.src, dst: at.dst, type: isV6 ? 1 : 3, code: isV6 ? 0 : 1 };
  const frame = frames.ethernet(
    { from: at.from, to: at.to, type: frames.etherType(at.src) },
    frames.icmp(message, body),
  );
  return { name, token, frame };
}
