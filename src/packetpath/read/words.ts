import type { Family } from '../../ip/address.ts';
import type { Interval } from '../../ip/interval.ts';

/**
 * Names of IP protocols as iptables and nft print them: those of xtables (libxtables/xtables.c, xtables_chain_protos) and
 * of Debian's /etc/protocols. A name that is not here is not understood: another host's /etc/protocols may say anything.
 */
const protocols: ReadonlyMap<string, number> = new Map([
  ['hopopt', 0],
  ['icmp', 1],
  ['igmp', 2],
  ['ggp', 3],
  ['ipencap', 4],
  ['ipv4', 4],
  ['tcp', 6],
  ['egp', 8],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['ipv6-route', 43],
  ['ipv6-frag', 44],
  ['rsvp', 46],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['ipv6-nonxt', 59],
  ['ipv6-opts', 60],
  ['eigrp', 88],
  ['ospf', 89],
  ['ipip', 94],
  ['pim', 103],
  ['ipcomp', 108],
  ['comp', 108],
  ['vrrp', 112],
  ['l2tp', 115],
  ['isis', 124],
  ['sctp', 132],
  ['mobility-header', 135],
  ['ipv6-mh', 135],
  ['mh', 135],
  ['udplite', 136],
  ['mpls-in-ip', 137],
  ['hip', 139],
  ['shim6', 140],
]);

/** The number of an IP protocol from its name or its digits. */
export function protocolNumber(text: string): number | undefined {
  return protocols.get(text) ?? (/^(0|[1-9][0-9]{0,2})$/.test(text) && Number(text) < 256 ? Number(text) : undefined);
}

/**
 * Ports by the names under which `iptables -L` without `-n` prints them (getservbyport): registered by IANA, and the same in
 * /etc/services of Debian and of Red Hat. A name that is not here is not understood.
 */
const services: ReadonlyMap<string, number> = new Map([
  ['ftp-data', 20],
  ['ftp', 21],
  ['ssh', 22],
  ['telnet', 23],
  ['smtp', 25],
  ['domain', 53],
  ['bootps', 67],
  ['bootpc', 68],
  ['tftp', 69],
  ['http', 80],
  ['pop3', 110],
  ['sunrpc', 111],
  ['ntp', 123],
  ['netbios-ns', 137],
  ['netbios-dgm', 138],
  ['netbios-ssn', 139],
  ['snmp', 161],
  ['bgp', 179],
  ['ldap', 389],
  ['https', 443],
  ['microsoft-ds', 445],
  ['isakmp', 500],
  ['dhcpv6-client', 546],
  ['dhcpv6-server', 547],
  ['submission', 587],
  ['ipp', 631],
  ['ldaps', 636],
  ['imaps', 993],
  ['pop3s', 995],
  ['openvpn', 1194],
  ['ms-sql-s', 1433],
  ['nfs', 2049],
  ['mysql', 3306],
  ['sip', 5060],
  ['mdns', 5353],
  ['postgresql', 5432],
  ['http-alt', 8080],
]);

/** The port of a service's name. */
export const servicePort = (name: string): number | undefined => services.get(name);

/** An ICMP type, and the codes of it that are meant. */
export interface IcmpKind {
  readonly type: number;
  readonly codes?: Interval;
}

const of = (type: number, code?: number): IcmpKind =>
  code === undefined ? { type } : { type, codes: { low: BigInt(code), high: BigInt(code) } };

/** Names of iptables (extensions/libxt_icmp.h) and of nft (src/proto.c), which say the same where both have them. */
const icmp4: ReadonlyMap<string, IcmpKind> = new Map([
  ['echo-reply', of(0)],
  ['pong', of(0)],
  ['destination-unreachable', of(3)],
  ['network-unreachable', of(3, 0)],
  ['host-unreachable', of(3, 1)],
  ['protocol-unreachable', of(3, 2)],
  ['port-unreachable', of(3, 3)],
  ['fragmentation-needed', of(3, 4)],
  ['source-route-failed', of(3, 5)],
  ['network-unknown', of(3, 6)],
  ['host-unknown', of(3, 7)],
  ['network-prohibited', of(3, 9)],
  ['host-prohibited', of(3, 10)],
  ['TOS-network-unreachable', of(3, 11)],
  ['TOS-host-unreachable', of(3, 12)],
  ['communication-prohibited', of(3, 13)],
  ['host-precedence-violation', of(3, 14)],
  ['precedence-cutoff', of(3, 15)],
  ['source-quench', of(4)],
  ['redirect', of(5)],
  ['network-redirect', of(5, 0)],
  ['host-redirect', of(5, 1)],
  ['TOS-network-redirect', of(5, 2)],
  ['TOS-host-redirect', of(5, 3)],
  ['echo-request', of(8)],
  ['ping', of(8)],
  ['router-advertisement', of(9)],
  ['router-solicitation', of(10)],
  ['time-exceeded', of(11)],
  ['ttl-exceeded', of(11)],
  ['ttl-zero-during-transit', of(11, 0)],
  ['ttl-zero-during-reassembly', of(11, 1)],
  ['parameter-problem', of(12)],
  ['ip-header-bad', of(12, 0)],
  ['required-option-missing', of(12, 1)],
  ['timestamp-request', of(13)],
  ['timestamp-reply', of(14)],
  ['info-request', of(15)],
  ['info-reply', of(16)],
  ['address-mask-request', of(17)],
  ['address-mask-reply', of(18)],
]);

const icmp6: ReadonlyMap<string, IcmpKind> = new Map([
  ['destination-unreachable', of(1)],
  ['no-route', of(1, 0)],
  ['communication-prohibited', of(1, 1)],
  ['beyond-scope', of(1, 2)],
  ['address-unreachable', of(1, 3)],
  ['port-unreachable', of(1, 4)],
  ['failed-policy', of(1, 5)],
  ['reject-route', of(1, 6)],
  ['packet-too-big', of(2)],
  ['time-exceeded', of(3)],
  ['ttl-exceeded', of(3)],
  ['ttl-zero-during-transit', of(3, 0)],
  ['ttl-zero-during-reassembly', of(3, 1)],
  ['parameter-problem', of(4)],
  ['bad-header', of(4, 0)],
  ['unknown-header-type', of(4, 1)],
  ['unknown-option', of(4, 2)],
  ['echo-request', of(128)],
  ['ping', of(128)],
  ['echo-reply', of(129)],
  ['pong', of(129)],
  ['mld-listener-query', of(130)],
  ['mld-listener-report', of(131)],
  ['mld-listener-done', of(132)],
  ['mld-listener-reduction', of(132)],
  ['router-solicitation', of(133)],
  ['nd-router-solicit', of(133)],
  ['router-advertisement', of(134)],
  ['nd-router-advert', of(134)],
  ['neighbour-solicitation', of(135)],
  ['neighbor-solicitation', of(135)],
  ['nd-neighbor-solicit', of(135)],
  ['neighbour-advertisement', of(136)],
  ['neighbor-advertisement', of(136)],
  ['nd-neighbor-advert', of(136)],
  ['redirect', of(137)],
  ['nd-redirect', of(137)],
  ['router-renumbering', of(138)],
  ['ind-neighbor-solicit', of(141)],
  ['ind-neighbor-advert', of(142)],
  ['mld2-listener-report', of(143)],
]);

/** An ICMP type by its name, and the code the name brings along. */
export function icmpNamed(family: Family, name: string): IcmpKind | undefined {
  return (family === 4 ? icmp4 : icmp6).get(name);
}

/** Bits of the TCP header's flags (RFC 9293 section 3.1), by iptables' names; nft's are the same in small letters. */
const tcpFlags: ReadonlyMap<string, number> = new Map([
  ['FIN', 1],
  ['SYN', 2],
  ['RST', 4],
  ['PSH', 8],
  ['ACK', 16],
  ['URG', 32],
  ['ECN', 64],
  ['ECE', 64],
  ['CWR', 128],
  ['ALL', 63], // iptables: the six of RFC 793
  ['NONE', 0],
]);

/** `SYN,RST` as bits, or the bits themselves as `iptables -L` prints them, `0x06`. */
export function tcpFlagBits(list: string): bigint | undefined {
  if (/^0x[0-9a-f]{2}$/i.test(list)) return BigInt(list);
  let bits = 0;
  for (const name of list.split(',')) {
    const bit = tcpFlags.get(name.toUpperCase());
    if (bit === undefined) return undefined;
    bits |= bit;
  }
  return BigInt(bits);
}
