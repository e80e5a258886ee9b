import type { Family } from '../../ip/address.ts';
import type { Field, FieldRef, Step, Value } from '../model.ts';
import {
  among,
  condition,
  interfaceValue,
  parseMac,
  parseNetwork,
  parseNumber,
  parsePorts,
  range,
  word,
} from './values.ts';
import { icmpNamed, protocolNumber } from './words.ts';

/** An option of a rule of ebtables with its arguments, and its text as it was written. */
export interface EbOption {
  readonly name: string;
  readonly not: boolean;
  readonly args: readonly string[];
  readonly text: string;
}

type Reader = (text: string, not: boolean) => Step | undefined;

/** A reader whose argument becomes values of one field. */
function valued(field: Field | FieldRef, parse: (text: string) => Value | undefined): Reader {
  return (text, not) => {
    const value = parse(text);
    return value === undefined ? undefined : among(field, [value], not);
  };
}

/** Of /etc/ethertypes, by which ebtables prints them (iptables, libxtables/getethertype.c). */
const etherTypes: ReadonlyMap<string, number> = new Map([
  ['ipv4', 0x0800],
  ['arp', 0x0806],
  ['rarp', 0x8035],
  ['802_1q', 0x8100],
  ['ipv6', 0x86dd],
  ['s-tag', 0x88a8],
]);

/** Below it is no type but a length (IEEE 802.3). */
const lowestType = 0x600;

function etherType(text: string): Value | undefined {
  if (text.toLowerCase() === 'length') return range(0, lowestType - 1);
  const number = etherTypes.get(text.toLowerCase()) ?? parseNumber(text);
  return number === undefined || number < lowestType || number > 0xffff ? undefined : range(number);
}

const oneMac = 0xffff_ffff_ffffn;
/** ebtables(8), `-s`. */
const macNames: Readonly<Record<string, string>> = {
  Unicast: '00:00:00:00:00:00/01:00:00:00:00:00',
  Multicast: '01:00:00:00:00:00/01:00:00:00:00:00',
  Broadcast: 'ff:ff:ff:ff:ff:ff',
  BGA: '01:80:c2:00:00:00',
};

const mac =
  (field: 'ether saddr' | 'ether daddr'): Reader =>
  (text, not) => {
    const [address = '', maskText] = (Object.hasOwn(macNames, text) ? (macNames[text] as string) : text).split('/');
    const value = parseMac(address);
    const mask = maskText === undefined ? oneMac : parseMac(maskText);
    if (value === undefined || mask === undefined) return undefined;
    return among(mask === oneMac ? field : { field, mask }, [range(value & mask)], not);
  };

const network =
  (field: 'saddr' | 'daddr', family: Family): Reader =>
  (text, not) => {
    const found = parseNetwork(text, family);
    if (found === undefined) return undefined;
    const ref: FieldRef = { field, only: { family } };
    return among(found.mask === undefined ? ref : { ...ref, mask: found.mask }, found.values, not);
  };

const protocol = (family: Family): Reader =>
  valued({ field: 'l4proto', only: { family } }, (text) => {
    const number = protocolNumber(text.toLowerCase());
    return number === undefined ? undefined : range(number);
  });

const ports = (field: 'sport' | 'dport', family: Family): Reader =>
  valued({ field, only: { family } }, (text) => {
    const found = parsePorts(text, ':');
    return found === undefined ? undefined : range(found.low, found.high);
  });

/** `3`, `3:4/0:255`, `router-advertisement`: types, and codes of them. */
const icmp =
  (family: Family): Reader =>
  (text, not) => {
    const only = { family, protocol: family === 4 ? 1 : 58 };
    const [typeText = '', codeText = '0:255'] = text.split('/');
    const named = icmpNamed(family, text);
    const types = named === undefined ? octets(typeText) : range(named.type);
    const codes = named?.codes === undefined ? octets(codeText) : range(named.codes.low, named.codes.high);
    if (types === undefined || codes === undefined) return undefined;
    if (codes.kind === 'range' && codes.low === 0n && codes.high === 255n)
      return among({ field: 'icmp type', only }, [types], not);
    const fields: readonly FieldRef[] = [
      { field: 'icmp type', only },
      { field: 'icmp code', only },
    ];
    return condition({ kind: 'among', fields, not, values: [[types, codes]] });
  };

function octets(text: string): Value | undefined {
  const found = /^([0-9]{1,3})(?::([0-9]{1,3}))?$/.exec(text);
  if (found === null) return undefined;
  const [low, high] = [Number(found[1]), Number(found[2] ?? found[1])];
  return low > high || high > 255 ? undefined : range(low, high);
}

/** `0x1/0x3`; `/0x3` asks for any of the bits (net/bridge/netfilter/ebt_mark_m.c). */
const mark: Reader = (text, not) => {
  const [valueText = '', maskText] = text.split('/');
  const mask = maskText === undefined ? undefined : parseNumber(maskText);
  if (maskText !== undefined && mask === undefined) return undefined;
  if (valueText === '' && mask !== undefined) return among({ field: 'mark', mask }, [range(0)], !not);
  const value = parseNumber(valueText);
  if (value === undefined) return undefined;
  return among(mask === undefined || mask === 0xffff_ffffn ? 'mark' : { field: 'mark', mask }, [range(value)], not);
};

const packetType: Reader = valued('pkttype', (text) =>
  ['host', 'broadcast', 'multicast'].includes(text) ? word(text) : undefined,
);

const interfaceNamed = (field: 'iifname' | 'oifname'): Reader => valued(field, (name) => interfaceValue(name, '+'));

/** What ebtables' matches mean (ebtables(8); net/bridge/netfilter/ebt_*.c). */
const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['-p', valued('ether type', etherType)],
  ['-i', interfaceNamed('iifname')],
  ['-o', interfaceNamed('oifname')],
  ['-s', mac('ether saddr')],
  ['-d', mac('ether daddr')],
  ['--mark', mark],
  ['--pkttype-type', packetType],
  ...([4, 6] as const).flatMap((family): readonly (readonly [string, Reader])[] => {
    const start = family === 4 ? '--ip' : '--ip6';
    return [
      [`${start}-src`, network('saddr', family)],
      [`${start}-dst`, network('daddr', family)],
      [`${start}-proto`, protocol(family)],
      [`${start}-sport`, ports('sport', family)],
      [`${start}-dport`, ports('dport', family)],
      [`${start}-icmp-type`, icmp(family)],
    ];
  }),
]);

/** What goes by what came before: whatever its arguments are, nobody can tell. */
const depending = /^--limit(-burst)?$/;

/** The condition of one option; undefined: it is not understood. */
export function ebMatch({ name, args, not, text }: EbOption): Step | undefined {
  if (depending.test(name)) return condition({ kind: 'depends', on: text });
  const [value, ...more] = args;
  return value === undefined || more.length > 0 ? undefined : readers.get(name)?.(value, not);
}
