/** IP protocol numbers (IANA "Assigned Internet Protocol Numbers") that the policy language knows by name. */
export const protocolNumbers = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58, sctp: 132 } as const;

/** A closed range of ports, 0–65535. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

/** Every port; also what stands for "no ports" where the protocol has none. */
export const everyPort: PortRange = { low: 0, high: 65535 };

/** Protocols whose header begins with source and destination port as two 16-bit fields. */
export function hasPorts(protocol: number): boolean {
  return protocol === protocolNumbers.tcp || protocol === protocolNumbers.udp || protocol === protocolNumbers.sctp;
}

/**
 * One protocol with its ports. `icmp` stands for ICMP on IPv4 and ICMPv6 on IPv6; a number is an IP protocol number on
 * either family. `ports` is {@link everyPort} where nothing was said or the protocol has none.
 */
export interface L4 {
  readonly protocol: 'icmp' | number;
  readonly ports: PortRange;
}

/** What of layer 4 is meant: everything, ICMP and unknown protocols included, or a list. */
export type L4Match = 'any' | readonly L4[];
