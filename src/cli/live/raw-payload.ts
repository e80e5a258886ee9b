import { protocolNumbers } from '../../ip/protocol.ts';

/**
 * A smallest packet of a protocol, such that conntrack takes it for the first of a conversation: an ICMP echo, a GRE
 * header, an SCTP INIT; for protocols without a known header, bytes that begin with the source mark.
 */
export function payloadOf(protocol: number, family: 4 | 6, sourcePort: number, port: number): Buffer {
  switch (protocol) {
    case protocolNumbers.icmp:
    case protocolNumbers.icmpv6:
      return echo(family, sourcePort);
    case protocolNumbers.gre:
      return Buffer.from([0, 0, 0x08, 0]); // RFC 2784: no flags, carries IPv4
    case protocolNumbers.sctp:
      return sctpInit(sourcePort, port);
    default: {
      const bytes = Buffer.alloc(8);
      bytes.writeUInt16BE(sourcePort, 0);
      return bytes;
    }
  }
}

/** RFC 792 echo or RFC 4443 echo request; the kernel fills in the checksum of ICMPv6 (RFC 3542 section 3.1). */
function echo(family: 4 | 6, identifier: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt8(family === 4 ? 8 : 128, 0);
  bytes.writeUInt16BE(identifier, 4);
  bytes.writeUInt16BE(1, 6);
  if (family === 4) bytes.writeUInt16BE(internetChecksum(bytes), 2);
  return bytes;
}

/** RFC 1071. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** RFC 9260 section 3: common header with verification tag 0, and an INIT chunk of one stream each way. */
function sctpInit(sourcePort: number, port: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt16BE(sourcePort, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt8(1, 12);
  bytes.writeUInt16BE(20, 14);
  bytes.writeUInt32BE(0x536c7563, 16); // initiate tag, any but 0
  bytes.writeUInt32BE(65536, 20); // receiver window
  bytes.writeUInt16BE(1, 24);
  bytes.writeUInt16BE(1, 26);
  bytes.writeUInt32BE(1, 28);
  bytes.writeUInt32LE(crc32c(bytes), 8);
  return bytes;
}

/** RFC 9260 appendix A. */
export function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
