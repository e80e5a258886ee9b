import { protocolNumbers } from '../../ip/protocol.ts';

/** The first two bytes of a probe as they lie in the packet, where ports would stand: the trace finds it by them. */
export function sourceMark(protocol: number, port: number): number {
  if (protocol === protocolNumbers.icmp) return 8 << 8;
  if (protocol === protocolNumbers.icmpv6) return 128 << 8;
  return protocol === protocolNumbers.gre ? 0 : port;
}
