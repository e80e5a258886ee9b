import { withoutOptions } from '../ip/options.ts';
import type { Field, KeyType, TableFamily } from './model.ts';
import type { Conversation, IpHeader, PacketView } from './packet.ts';

/** What a field's values are: as the type of a set's key, or plain numbers of its own. */
export type ValueType = KeyType | 'number' | 'seconds';

/** The type of each field's values. */
export const fieldTypes: Readonly<Record<Field, ValueType>> = {
  iif: 'iface_index',
  oif: 'iface_index',
  iifname: 'ifname',
  oifname: 'ifname',
  'meta iifkind': 'ifname',
  'ether saddr': 'ether_addr',
  'ether daddr': 'ether_addr',
  'ether type': 'number',
  'vlan id': 'number',
  'ip saddr': 'ipv4_addr',
  'ip daddr': 'ipv4_addr',
  'ip hdrlength': 'number',
  'ip frag-off': 'number',
  'ip6 saddr': 'ipv6_addr',
  'ip6 daddr': 'ipv6_addr',
  'ip6 hoplimit': 'number',
  'frag nexthdr': 'inet_proto',
  'rt type': 'number',
  'meta l4proto': 'inet_proto',
  'meta nfproto': 'number',
  'meta time': 'seconds',
  'th dport': 'inet_service',
  'icmp type': 'number',
  'igmp type': 'number',
  'icmpv6 type': 'number',
  'nd target': 'nd_target',
  'quoted ip daddr': 'quoted4',
  'quoted ip6 daddr': 'quoted6',
  'arp htype': 'number',
  'arp ptype': 'number',
  'arp hlen': 'number',
  'arp plen': 'number',
  'arp operation': 'number',
  'arp saddr ether': 'ether_addr',
  'arp saddr ip': 'ipv4_addr',
  'ct direction': 'number',
  'ct original ip daddr': 'ipv4_addr',
  'ct original ip6 daddr': 'ipv6_addr',
  'ct original proto-dst': 'inet_service',
};

const etherTypes = { arp: 0x0806, vlan: 0x8100, ip: 0x0800, ip6: 0x86dd } as const;
const protocols = { icmp: 1, igmp: 2, udp: 17, icmpv6: 58 } as const;
/** linux/netfilter.h, NFPROTO_*. */
const nfprotos = { ip: 2, bridge: 7, ip6: 10 } as const;

/** A packet at a hook of a family, at a time (milliseconds since the epoch). */
export interface Moment {
  readonly family: TableFamily;
  readonly now: number;
}

/**
 * The value a field has in a packet: a number, a name for those of interfaces, undefined when the packet lacks it.
 * The checks that nft adds to a rule by itself (`ip saddr` is asked of IPv4 packets only) are part of it; as
 * `nft --debug=netlink` shows them, ICMPv6 and ARP in the bridge family are known by the frame's EtherType.
 */
export function fieldValue(field: Field, packet: PacketView, { family, now }: Moment): bigint | string | undefined {
  const ip = packet.network?.kind === 'ip' ? packet.network : undefined;
  const arp = packet.network?.kind === 'arp' && packet.link?.type === etherTypes.arp ? packet.network : undefined;
  switch (field) {
    case 'iif':
      return number(packet.in?.index);
    case 'oif':
      return number(packet.out?.index);
    case 'iifname':
      return packet.in?.name;
    case 'meta iifkind':
      return packet.in?.kind;
    case 'oifname':
      return packet.out?.name;
    case 'ether saddr':
      return packet.link?.saddr;
    case 'ether daddr':
      return packet.link?.daddr;
    case 'ether type':
      return number(packet.link?.type);
    case 'vlan id':
      return packet.link?.type === etherTypes.vlan ? number(packet.link.vlan) : undefined;
    case 'ip saddr':
      return ip?.family === 4 ? ip.saddr : undefined;
    case 'ip daddr':
      return ip?.family === 4 ? ip.daddr : undefined;
    case 'ip hdrlength':
      return ip?.family === 4 ? BigInt(ip.headerLength ?? withoutOptions) : undefined;
    case 'ip frag-off':
      return ip?.family === 4 ? BigInt(ip.fragOff ?? 0) : undefined;
    case 'ip6 saddr':
      return ip?.family === 6 ? ip.saddr : undefined;
    case 'ip6 daddr':
      return ip?.family === 6 ? ip.daddr : undefined;
    case 'ip6 hoplimit':
      return ip?.family === 6 ? BigInt(ip.hopLimit) : undefined;
    case 'frag nexthdr':
      return ip?.family === 6 ? number(ip.fragment?.next) : undefined;
    case 'rt type':
      return ip?.family === 6 ? number(ip.routingType) : undefined;
    case 'meta l4proto':
      return number(ip?.protocol);
    case 'meta nfproto':
      return BigInt(family === 'bridge' ? nfprotos.bridge : ip?.family === 4 ? nfprotos.ip : nfprotos.ip6);
    case 'meta time':
      return BigInt(Math.floor(now / 1000));
    case 'th dport':
      return number(ports(ip)?.dport);
    case 'icmp type':
      return isIcmp(packet, ip, 4, family) ? number(icmp(ip)?.type) : undefined;
    case 'igmp type':
      return ip?.protocol === protocols.igmp ? number(icmp(ip)?.type) : undefined;
    case 'icmpv6 type':
      return isIcmp(packet, ip, 6, family) ? number(icmp(ip)?.type) : undefined;
    case 'quoted ip daddr':
      return ip?.family === 4 ? icmp(ip)?.quoted : undefined;
    case 'quoted ip6 daddr':
      return ip?.family === 6 ? icmp(ip)?.quoted : undefined;
    case 'nd target':
      return icmp(ip)?.target;
    case 'arp htype':
      return number(arp?.htype);
    case 'arp ptype':
      return number(arp?.ptype);
    case 'arp hlen':
      return number(arp?.hlen);
    case 'arp plen':
      return number(arp?.plen);
    case 'arp operation':
      return number(arp?.operation);
    case 'arp saddr ether':
      return arp?.senderMac;
    case 'arp saddr ip':
      return arp?.senderIp;
    default:
      return conversationValue(field, packet.ct);
  }
}

type ConversationField = Extract<Field, `ct ${string}`>;

/** net/netfilter/nft_ct.c: without an entry there is no value; the address only of a conversation of that family. */
function conversationValue(field: ConversationField, ct: Conversation): bigint | undefined {
  if (ct.kind === 'none') return undefined;
  switch (field) {
    case 'ct direction':
      return ct.direction === 'original' ? 0n : 1n;
    case 'ct original ip daddr':
      return ct.original.family === 4 ? ct.original.daddr : undefined;
    case 'ct original ip6 daddr':
      return ct.original.family === 6 ? ct.original.daddr : undefined;
    case 'ct original proto-dst':
      return BigInt(ct.original.dport);
  }
}

const number = (value: number | undefined): bigint | undefined => (value === undefined ? undefined : BigInt(value));

const ports = (ip: IpHeader | undefined) => (ip?.transport.kind === 'ports' ? ip.transport : undefined);
const icmp = (ip: IpHeader | undefined) => (ip?.transport.kind === 'icmp' ? ip.transport : undefined);

function isIcmp(packet: PacketView, ip: IpHeader | undefined, version: 4 | 6, family: TableFamily): boolean {
  if (ip === undefined || ip.family !== version) return false;
  if (ip.protocol !== (version === 4 ? protocols.icmp : protocols.icmpv6)) return false;
  return family === 'inet' || packet.link?.type === (version === 4 ? etherTypes.ip : etherTypes.ip6);
}

/** Whether a packet's TCP flags say that it opens a connection: SYN, without FIN, RST and ACK. */
export function isTcpSyn(packet: PacketView): boolean {
  const ip = packet.network?.kind === 'ip' ? packet.network : undefined;
  const flags = ip?.protocol === 6 ? ports(ip)?.tcpFlags : undefined;
  return flags !== undefined && (flags & 0x17) === 0x02;
}
