import { addressOf, bits, formatAddress } from '../ip/address.ts';
import { intervalPrefixes } from '../ip/address-set.ts';
import { type Box, boxesOf, intersectBoxes, subtractBoxes } from '../ip/box.ts';
import { formatPrefix } from '../ip/prefix.ts';
import { everyPort, hasPorts, protocolNumbers } from '../ip/protocol.ts';
import { addressesOf, type GroupAddresses } from '../ruleset/clause.ts';
import type { Clause, Ruleset } from '../ruleset/ruleset.ts';

/** The packets that clauses of both planes match: on the host plane those to the host, elsewhere all others. */
export function packetsOf(
  clauses: readonly Clause[],
  groups: GroupAddresses,
  hostAddresses: Ruleset['hostAddresses'],
): readonly Box[] {
  const host = boxesOf(hostAddresses, 'any');
  return clauses.flatMap((clause) => {
    const boxes = boxesOf(addressesOf(clause, groups), clause.l4);
    return clause.plane === 'host' ? intersectBoxes(boxes, host) : subtractBoxes(boxes, host);
  });
}

const names = new Map<number, string>(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));

/** `tcp`, `icmp`, or `protocol 89`. */
export function protocolText(protocol: number): string {
  return names.get(protocol) ?? `protocol ${protocol}`;
}

/** `192.168.5.5:22/tcp`, `[2001:db8::1]:53/udp`, `10.0.0.1/icmp`. */
export function packetText({ family, address, protocol, port }: PacketPlace): string {
  const text = formatAddress(addressOf(family, address));
  const host = family === 6 ? `[${text}]` : text;
  return hasPorts(protocol) ? `${host}:${port}/${protocolText(protocol)}` : `${host}/${protocolText(protocol)}`;
}

export interface PacketPlace {
  readonly family: 4 | 6;
  readonly address: bigint;
  readonly protocol: number;
  readonly port: number;
}

/** The packet of a box that people would take for its example: tcp before udp before others, a well-known port. */
export function exampleOf({ family, addresses, protocols, ports }: Box): PacketPlace {
  const { tcp, udp, icmp, icmpv6 } = protocolNumbers;
  const inside = (range: { readonly low: number; readonly high: number }) => (value: number) =>
    range.low <= value && value <= range.high;
  const protocol = [tcp, udp, family === 4 ? icmp : icmpv6].find(inside(protocols)) ?? protocols.low;
  const port = hasPorts(protocol) ? ([443, 80].find(inside(ports)) ?? Math.max(ports.low, Math.min(1, ports.high))) : 0;
  return { family, address: addresses.low, protocol, port };
}

/** Whether a box is one packet, as far as packets are told apart. */
export function isOnePacket({ addresses, protocols, ports }: Box): boolean {
  const single = protocols.low === protocols.high;
  return addresses.low === addresses.high && single && (ports.low === ports.high || !hasPorts(protocols.low));
}

/** A box in words: `10.0.0.0/8:1-1024/tcp`, `192.168.5.5, protocols 18-255`. */
export function boxText({ family, addresses, protocols, ports }: Box): string {
  const place = addressText(family, addresses);
  if (protocols.low === 0 && protocols.high === 255 && ports.low === 0 && ports.high === everyPort.high) return place;
  if (protocols.low !== protocols.high) return `${place}, protocols ${protocols.low}-${protocols.high}`;
  const protocol = protocolText(protocols.low);
  if (!hasPorts(protocols.low) || (ports.low === 0 && ports.high === everyPort.high)) return `${place}/${protocol}`;
  const range = ports.low === ports.high ? String(ports.low) : `${ports.low}-${ports.high}`;
  return `${place}:${range}/${protocol}`;
}

function addressText(family: 4 | 6, { low, high }: Box['addresses']): string {
  const bracketed = (text: string) => (family === 6 ? `[${text}]` : text);
  const [prefix, ...more] = intervalPrefixes(family, { low, high });
  if (prefix !== undefined && more.length === 0)
    return prefix.length === 0
      ? `all of IPv${family}`
      : bracketed(prefix.length === bits(family) ? formatAddress(prefix.address) : formatPrefix(prefix));
  return `${bracketed(formatAddress(addressOf(family, low)))}-${bracketed(formatAddress(addressOf(family, high)))}`;
}
