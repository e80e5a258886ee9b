import { parseAddress } from '../../src/ip/address.ts';
import type { ArpHeader, Conversation, IpHeader, PacketView } from '../../src/nftables/packet.ts';

/** Packets as nf_tables sees them, for tests: short to write, every field replaceable. */

export const value = (text: string): bigint => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address.value;
};

export const mac = (text: string): bigint => BigInt(`0x${text.replaceAll(':', '')}`);

/** The first packet of a conversation, before any NAT. */
export function fresh(ip: Pick<IpHeader, 'family' | 'daddr' | 'transport'>): Conversation {
  const dport = ip.transport.kind === 'ports' ? ip.transport.dport : 0;
  return {
    kind: 'entry',
    state: 'new',
    direction: 'original',
    mark: 0,
    dnat: false,
    original: { family: ip.family, daddr: ip.daddr, dport },
  };
}

/** A TCP packet that opens a connection. */
export function tcp(from: string, to: string, dport: number, sport = 40_000): IpHeader {
  return ip(from, to, 6, { kind: 'ports', sport, dport, tcpFlags: 0x02 });
}

export function udp(from: string, to: string, dport: number, sport = 40_000): IpHeader {
  return ip(from, to, 17, { kind: 'ports', sport, dport });
}

export function icmp(from: string, to: string, type: number, target?: string): IpHeader {
  const header = target === undefined ? { type } : { type, target: value(target) };
  return ip(from, to, from.includes(':') ? 58 : 1, { kind: 'icmp', ...header });
}

export function ip(from: string, to: string, protocol: number, transport: IpHeader['transport']): IpHeader {
  const family = from.includes(':') ? 6 : 4;
  return { kind: 'ip', family, saddr: value(from), daddr: value(to), hopLimit: 64, protocol, transport };
}

export function arp(operation: number, senderMac: string, senderIp: string): ArpHeader {
  const addresses = { senderMac: mac(senderMac), senderIp: value(senderIp) };
  return { kind: 'arp', htype: 1, ptype: 0x0800, hlen: 6, plen: 4, operation, ...addresses };
}

const etherTypes = { ip4: 0x0800, ip6: 0x86dd, arp: 0x0806 };

/** A packet that came in through an interface, with a fresh conversation unless told. */
export function view(network: IpHeader | ArpHeader, changes: Partial<PacketView> = {}): PacketView {
  const type = network.kind === 'arp' ? etherTypes.arp : network.family === 4 ? etherTypes.ip4 : etherTypes.ip6;
  return {
    in: { index: 1, name: 'lo' },
    out: null,
    mark: 0,
    link: { saddr: 0n, type },
    network,
    ct: network.kind === 'ip' ? fresh(network) : { kind: 'none', state: 'untracked' },
    ...changes,
  };
}
