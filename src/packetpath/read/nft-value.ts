import { parseAddress } from '../../ip/address.ts';
import type { Field, Value } from '../model.ts';
import { asText, isObject } from './nft-item.ts';
import { interfaceValue, parseMac, parseNetwork, parseNumber, range, word } from './values.ts';
import { icmpNamed, protocolNumber, servicePort, tcpFlagBits } from './words.ts';

/** Where a value belongs: how its words are to be read. */
export interface ValueOf {
  readonly field: Field;
  /** Of ICMPv6 rather than ICMP. */
  readonly icmp6?: boolean;
}

/** Fields whose values are words. */
const worded: ReadonlySet<Field> = new Set<Field>([
  'iifkind',
  'oifkind',
  'pkttype',
  'saddr type',
  'daddr type',
  'ct state',
  'ct status',
  'ct direction',
]);

const addressed: ReadonlySet<Field> = new Set<Field>(['saddr', 'daddr', 'ct original saddr', 'ct original daddr']);

/** EtherTypes by nft's names (src/proto.c, ethertype_tbl). */
const etherTypes: ReadonlyMap<string, number> = new Map([
  ['ip', 0x0800],
  ['arp', 0x0806],
  ['8021q', 0x8100],
  ['vlan', 0x8100],
  ['ip6', 0x86dd],
  ['8021ad', 0x88a8],
]);

/** Types of IGMP by nft's names (src/proto.c, igmp_type_tbl). */
const igmpTypes: ReadonlyMap<string, number> = new Map([
  ['membership-query', 0x11],
  ['membership-report-v1', 0x12],
  ['membership-report-v2', 0x16],
  ['leave-group', 0x17],
  ['membership-report-v3', 0x22],
]);

/** Codes of ICMP's destination-unreachable by nft's names (src/datatype.c, icmp_code_tbl and icmpv6_code_tbl). */
const codes4 = ['net-unreachable', 'host-unreachable', 'prot-unreachable', 'port-unreachable', 'frag-needed'];
const codes6 = [
  'no-route',
  'admin-prohibited',
  '',
  'addr-unreachable',
  'port-unreachable',
  'policy-fail',
  'reject-route',
];

/** One value of a field, from JSON or from a word of the text; undefined: not understood. */
export function readValue(raw: unknown, of: ValueOf): Value | undefined {
  if (isObject(raw)) return readCompound(raw, of);
  if (of.field === 'reverse path') return readBeing(raw);
  if (typeof raw !== 'string' && typeof raw !== 'number') return undefined;
  const text = asText(raw);
  if (of.field === 'iifname' || of.field === 'oifname')
    return typeof raw === 'string' ? interfaceValue(text, '*') : undefined;
  if (worded.has(of.field)) return typeof raw === 'string' && /^[a-z-]+$/.test(text) ? word(text) : undefined;
  if (addressed.has(of.field) && text.includes('/')) return readNetwork(text);
  const single = readNumber(text, of);
  if (single !== undefined) return range(single);
  return readTextRange(text, of);
}

/** `exists`, `missing`; in JSON a truth value. */
function readBeing(raw: unknown): Value | undefined {
  if (raw === true || raw === 'exists') return word('there');
  return raw === false || raw === 'missing' ? word('missing') : undefined;
}

function readNetwork(text: string): Value | undefined {
  const network = parseNetwork(text, 4) ?? parseNetwork(text, 6);
  return network?.mask === undefined ? network?.values[0] : undefined;
}

function readCompound(raw: Readonly<Record<string, unknown>>, of: ValueOf): Value | undefined {
  const { range: ends, prefix } = raw;
  if (Array.isArray(ends) && ends.length === 2) return spanOf(ends[0], ends[1], of);
  if (isObject(prefix)) return readNetwork(`${asText(prefix['addr'])}/${asText(prefix['len'])}`);
  return undefined;
}

/** `80-90`, `10.0.0.1-10.0.0.9`: neither addresses nor numbers have a dash themselves. */
function readTextRange(text: string, of: ValueOf): Value | undefined {
  const dash = text.indexOf('-');
  return dash < 0 ? undefined : spanOf(text.slice(0, dash), text.slice(dash + 1), of);
}

function spanOf(low: unknown, high: unknown, of: ValueOf): Value | undefined {
  const [first, last] = [readNumber(asText(low), of), readNumber(asText(high), of)];
  return first === undefined || last === undefined || first > last ? undefined : range(first, last);
}

function readNumber(text: string, { field, icmp6 = false }: ValueOf): bigint | undefined {
  switch (field) {
    case 'saddr':
    case 'daddr':
    case 'ct original saddr':
    case 'ct original daddr':
      return parseAddress(text)?.value;
    case 'ether saddr':
    case 'ether daddr':
      return parseMac(text);
    case 'ether type':
      return big(etherTypes.get(text)) ?? parseNumber(text);
    case 'nfproto':
      return text === 'ipv4' ? 2n : text === 'ipv6' ? 10n : parseNumber(text); // uapi/linux/netfilter.h, NFPROTO_*
    case 'l4proto':
      return big(protocolNumber(text));
    case 'icmp type':
      return big(icmpNamed(icmp6 ? 6 : 4, text)?.type) ?? parseNumber(text);
    case 'igmp type':
      return big(igmpTypes.get(text)) ?? parseNumber(text);
    case 'icmp code': {
      const code = (icmp6 ? codes6 : codes4).indexOf(text);
      return code >= 0 && text !== '' ? BigInt(code) : parseNumber(text);
    }
    case 'tcp flags':
      return tcpFlagBits(text) ?? parseNumber(text);
    case 'sport':
    case 'dport':
      return parseNumber(text) ?? big(servicePort(text));
    default:
      return parseNumber(text);
  }
}

const big = (number: number | undefined): bigint | undefined => (number === undefined ? undefined : BigInt(number));

/** Bits of flags: `syn`, a list of them, an or of them, or a number. */
export function readBits(raw: unknown, field: Field): bigint | undefined {
  if (isObject(raw) && '|' in raw) return readBits(raw['|'], field);
  if (!Array.isArray(raw)) return readNumber(asText(raw), { field });
  let bits = 0n;
  for (const one of raw) {
    const bit = readBits(one, field);
    if (bit === undefined) return undefined;
    bits |= bit;
  }
  return bits;
}
