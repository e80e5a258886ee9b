/** Ethernet frames built by hand, with right checksums, for forging what a well-behaved kernel would not send. */

/** `aa:bb:cc:dd:ee:ff` as 6 bytes. */
export function mac(text: string): Uint8Array {
  const bytes = text.split(':').map((part) => Number.parseInt(part, 16));
  if (bytes.length !== 6 || bytes.some((byte) => !(byte >= 0 && byte <= 255)))
    throw new Error(`no MAC address: ${text}`);
  return Uint8Array.from(bytes);
}

/** An IPv4 address as 4 bytes or an IPv6 address as 16. */
export function ip(text: string): Uint8Array {
  if (!text.includes(':')) {
    const bytes = text.split('.').map(Number);
    if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) throw new Error(`no address: ${text}`);
    return Uint8Array.from(bytes);
  }
  const [head = '', tail] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16)));
  const front = words(head);
  const back = tail === undefined ? [] : words(tail);
  const gap = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array<number>(gap).fill(0), ...back];
  if (all.length !== 8 || all.some((word) => !(word >= 0 && word <= 0xffff))) throw new Error(`no address: ${text}`);
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
}

const join = (...parts: (Uint8Array | readonly number[])[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const be16 = (value: number) => [(value >> 8) & 255, value & 255];
const be32 = (value: number) => [...be16(value >>> 16), ...be16(value & 0xffff)];
const text = (data: string | Uint8Array) => (typeof data === 'string' ? new TextEncoder().encode(data) : data);

/** The internet checksum. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** An Ethernet frame, padded to 60 bytes. `type`: EtherType. */
export function ethernet(h: { from: string; to: string; type: number }, payload: Uint8Array): Uint8Array {
  const frame = join(mac(h.to), mac(h.from), be16(h.type), payload);
  return frame.length >= 60 ? frame : join(frame, new Uint8Array(60 - frame.length));
}

interface IpHeader {
  src: string;
  dst: string;
  /** IP protocol number. */
  proto: number;
  /** TTL or hop limit; 64 unless told. */
  ttl?: number | undefined;
}

/** An IP packet of the family of `src`. */
export function packet(h: IpHeader, payload: Uint8Array): Uint8Array {
  const [src, dst, ttl] = [ip(h.src), ip(h.dst), h.ttl ?? 64];
  if (src.length === 16) return join([0x60, 0, 0, 0], be16(payload.length), [h.proto, ttl], src, dst, payload);
  const header = join([0x45, 0], be16(20 + payload.length), [0x4c, 0x42, 0x40, 0, ttl, h.proto, 0, 0], src, dst);
  header.set(be16(checksum(header)), 10);
  return join(header, payload);
}

/** EtherType for an address's family. */
export const etherType = (address: string) => (address.includes(':') ? 0x86dd : 0x0800);

/** The checksum of an upper protocol over its pseudo header. */
function upperSum(h: { src: string; dst: string; proto: number }, body: Uint8Array): number {
  const v6 = h.src.includes(':');
  const tail = v6 ? [...be32(body.length), 0, 0, 0, h.proto] : [0, h.proto, ...be16(body.length)];
  return checksum(join(ip(h.src), ip(h.dst), tail, body));
}

interface Ends {
  src: string;
  dst: string;
  sport: number;
  dport: number;
  ttl?: number | undefined;
}

/** A UDP datagram in its IP packet. Put a token into `data` for observers to find. */
export function udp(h: Ends, data: string | Uint8Array): Uint8Array {
  const bytes = text(data);
  const body = join(be16(h.sport), be16(h.dport), be16(8 + bytes.length), [0, 0], bytes);
  body.set(be16(upperSum({ ...h, proto: 17 }, body) || 0xffff), 6);
  return packet({ ...h, proto: 17 }, body);
}

/** A TCP segment in its IP packet. `flags` of the letters FSRPAUEC. */
export function tcp(
  h: Ends & { flags: string; seq?: number; ack?: number },
  data: string | Uint8Array = '',
): Uint8Array {
  const flags = [...h.flags].reduce((all, letter) => all | (1 << 'FSRPAUEC'.indexOf(letter)), 0);
  const head = join(be16(h.sport), be16(h.dport), be32(h.seq ?? 1), be32(h.ack ?? 0), [
    0x50,
    flags,
    0xff,
    0xff,
    0,
    0,
    0,
    0,
  ]);
  const body = join(head, text(data));
  body.set(be16(upperSum({ ...h, proto: 6 }, body)), 16);
  return packet({ ...h, proto: 6 }, body);
}

/** An ICMP or ICMPv6 message (by the family of `src`) in its IP packet; `body` follows the checksum. */
export function icmp(
  h: { src: string; dst: string; type: number; code?: number; ttl?: number },
  body: Uint8Array,
): Uint8Array {
  const v6 = h.src.includes(':');
  const message = join([h.type, h.code ?? 0, 0, 0], body);
  message.set(be16(v6 ? upperSum({ ...h, proto: 58 }, message) : checksum(message)), 2);
  return packet({ ...h, proto: v6 ? 58 : 1 }, message);
}

/** An ARP frame; `op` 1 asks, 2 answers. `from` is the frame's source, which may differ from `sha`. */
export function arp(h: {
  op: 1 | 2;
  sha: string;
  spa: string;
  tha: string;
  tpa: string;
  from?: string;
  to: string;
}): Uint8Array {
  const body = join([0, 1, 8, 0, 6, 4], be16(h.op), mac(h.sha), ip(h.spa), mac(h.tha), ip(h.tpa));
  return ethernet({ from: h.from ?? h.sha, to: h.to, type: 0x0806 }, body);
}

/** A neighbour advertisement (hop limit 255): `target` is at `lladdr`, override set. */
export function neighborAdvert(h: {
  src: string;
  dst: string;
  target: string;
  lladdr: string;
  solicited?: boolean;
}): Uint8Array {
  const flags = h.solicited ? 0x60 : 0x20;
  return icmp({ ...h, type: 136, ttl: 255 }, join([flags, 0, 0, 0], ip(h.target), [2, 1], mac(h.lladdr)));
}

/** A neighbour solicitation (hop limit 255) that gives away `lladdr`. */
export function neighborSolicit(h: { src: string; dst: string; target: string; lladdr: string }): Uint8Array {
  return icmp({ ...h, type: 135, ttl: 255 }, join([0, 0, 0, 0], ip(h.target), [1, 1], mac(h.lladdr)));
}

/** A router advertisement (hop limit 255) that offers a prefix for autoconfiguration. */
export function routerAdvert(h: {
  src: string;
  dst: string;
  prefix: string;
  lladdr: string;
  lifetime?: number;
}): Uint8Array {
  const prefix = join([3, 4, 64, 0xc0], be32(86400), be32(14400), [0, 0, 0, 0], ip(h.prefix));
  const body = join([64, 0], be16(h.lifetime ?? 1800), be32(0), be32(0), [1, 1], mac(h.lladdr), prefix);
  return icmp({ ...h, type: 134, ttl: 255 }, body);
}

/** The multicast MAC of an IPv6 multicast address, or of a unicast one's solicited-node group with `solicited`. */
export function multicastMac(address: string, solicited = false): string {
  const tail = [...ip(address)].slice(solicited ? -3 : -4);
  return [0x33, 0x33, ...(solicited ? [0xff] : []), ...tail]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
}
