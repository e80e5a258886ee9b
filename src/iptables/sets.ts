import { bits as addressBits, addressOf, type Family, formatAddress } from '../ip/address.ts';
import { intervalPrefixes } from '../ip/address-set.ts';
import { type Interval, normalise, subtract } from '../ip/interval.ts';
import { formatPrefix } from '../ip/prefix.ts';
import { type PortRange, protocolNumbers } from '../ip/protocol.ts';
import { mergeRanges } from '../nftables/layer4.ts';
import type { Element, KeyPart, NftSet } from '../nftables/model.ts';
import { NotHeldError } from './errors.ts';
import type { IpSet, IpSetElement } from './model.ts';
import { digest, type Names } from './names.ts';
import { printInterface } from './print.ts';

/** What a lookup of one of the neutral sets comes to here: it matches when any of these does. */
export type Lookup = { readonly set: string; readonly protocol?: number; readonly ports?: readonly PortRange[] };

/** A neutral set in the kernel: the sets it has become, and how to look it up. */
export interface HeldSet {
  readonly sets: readonly IpSet[];
  readonly lookups: readonly Lookup[];
}

const protocolNames: Readonly<Record<number, string>> = {
  [protocolNumbers.tcp]: 'tcp',
  [protocolNumbers.udp]: 'udp',
  [protocolNumbers.sctp]: 'sctp',
};

/** A set under the names that it was given. */
interface Named {
  readonly family: Family;
  readonly era: number;
  readonly set: HeldSet;
}

/** By those names: what stands, and what is written down for the next start, have names of their own. */
const heldBy = new WeakMap<Names, WeakMap<NftSet, Named>>();

/** The same as {@link destinationSet}, once for each set: of a thousand programs one at most is new at a time. */
export function heldDestinations(set: NftSet, family: Family, names: Names): HeldSet {
  const held = heldBy.get(names) ?? new WeakMap<NftSet, Named>();
  heldBy.set(names, held);
  const known = held.get(set);
  if (known?.family === family && known.era === names.era) return known.set;
  const made = destinationSet(set, family, names);
  held.set(set, { family, era: names.era, set: made });
  return made;
}

/**
 * Sets of destinations: `address`; `address . protocol`; `address . protocol . port`. ipset has no intervals of several
 * fields, so what has a protocol or ports apart from single ones is one set of addresses for each.
 */
export function destinationSet(set: NftSet, family: Family, names: Names): HeldSet {
  const [, protocolKey, portKey] = set.key;
  if (protocolKey === undefined) return plain(set.name, set.elements, family, names, {});
  if (portKey !== undefined && !set.interval) return exact(set, family, names);
  const groups = new Map<
    string,
    { readonly protocol: number; readonly ports: readonly PortRange[]; elements: Element[] }
  >();
  const byPiece = Map.groupBy(set.elements, ({ key }) => `${text(key[0])} ${text(key[1])}`);
  for (const pieces of byPiece.values()) {
    const first = pieces[0] as Element;
    const protocol = Number(low(first.key[1]));
    const ports = portKey === undefined ? [] : mergeRanges(pieces.map(({ key }) => numbers(key[2])));
    const id = `${protocol} ${ports.map((range) => `${range.low}-${range.high}`).join(',')}`;
    const group = groups.get(id) ?? { protocol, ports, elements: [] };
    groups.set(id, group);
    group.elements.push({ key: first.key.slice(0, 1) });
  }
  const parts = [...groups].map(([id, { protocol, ports, elements }]) =>
    plain(`${set.name}/${digest(id)}`, elements, family, names, { protocol, ...(ports.length > 0 ? { ports } : {}) }),
  );
  return { sets: parts.flatMap(({ sets }) => sets), lookups: parts.flatMap(({ lookups }) => lookups) };
}

function plain(
  name: string,
  elements: readonly Element[],
  family: Family,
  names: Names,
  more: Omit<Lookup, 'set'>,
): HeldSet {
  const set = names.set(name);
  const ranges = normalise(elements.map(({ key }) => interval(key[0])));
  return {
    sets: [{ name: set, type: 'hash:net', family, marks: false, elements: fewest(family, ranges) }],
    lookups: [{ set, ...more }],
  };
}

/**
 * The elements that stand for address ranges: their prefixes, or everything but the prefixes of the rest, whichever are
 * fewer. A lookup asks once for each length of prefix in the set (net/netfilter/ipset/ip_set_hash_gen.h,
 * `mtype_test_cidrs`), and what is left of everything without some addresses has one of each length.
 */
function fewest(family: Family, ranges: readonly Interval[]): readonly IpSetElement[] {
  const prefixes = (some: readonly Interval[]) => some.flatMap((range) => intervalPrefixes(family, range));
  // hash:net knows no prefix of length 0
  const top = 1n << BigInt(addressBits(family) - 1);
  const halves = [0n, top].map((value): IpSetElement => ({ key: `${formatAddress(addressOf(family, value))}/1` }));
  const every = { low: 0n, high: 2n * top - 1n };
  const those = prefixes(ranges);
  const others = prefixes(subtract([every], ranges));
  if (those.some(({ length }) => length === 0)) return halves;
  if (others.length + 2 >= those.length) return those.map((prefix) => ({ key: formatPrefix(prefix) }));
  const outside = new Set(others.map(formatPrefix));
  return [
    ...halves.filter(({ key }) => !outside.delete(key)),
    ...[...outside].map((key): IpSetElement => ({ key, nomatch: true })),
  ];
}

function exact({ name, elements }: NftSet, family: Family, names: Names): HeldSet {
  const set = names.set(name);
  const keys = elements.map(({ key }): IpSetElement => ({ key: portKey(family, key) }));
  return {
    sets: [{ name: set, type: 'hash:ip,port', family, marks: false, elements: keys }],
    lookups: [{ set }],
  };
}

/** Interfaces by index; one that is gone has no name, and its elements no meaning. */
export type InterfaceNames = ReadonlyMap<number, string>;

/**
 * A set of `interface index . address`.
 *
 * @param mark what to say of an element; null: it is left out
 */
export function placeSet(
  set: NftSet,
  family: Family,
  names: Names,
  interfaces: InterfaceNames,
  mark?: (element: Element) => IpSetElement['mark'] | null,
): IpSet {
  const elements = set.elements.flatMap((element): IpSetElement[] => {
    const name = interfaces.get(Number(low(element.key[0])));
    const of = mark?.(element);
    if (name === undefined || of === null) return [];
    const key = `${addressText(family, element.key[1])},${printInterface(name)}`;
    return [of === undefined ? { key } : { key, mark: of }];
  });
  return { name: names.set(set.name), type: 'hash:net,iface', family, marks: mark !== undefined, elements };
}

/**
 * An element of a neutral set that has one of its own here.
 *
 * @throws NotHeldError where there is none
 */
export function elementOf(
  set: Pick<IpSet, 'name' | 'type' | 'family'>,
  { key }: Element,
  interfaces: InterfaceNames,
  mark: IpSetElement['mark'],
): IpSetElement {
  const more = mark === undefined ? {} : { mark };
  if (set.type === 'hash:ip,port') return { key: portKey(set.family, key), ...more };
  const name = set.type === 'hash:net,iface' ? interfaces.get(Number(low(key[0]))) : undefined;
  if (name === undefined) throw new NotHeldError(`${set.name} has no such elements`);
  return { key: `${addressText(set.family, key[1])},${printInterface(name)}`, ...more };
}

function portKey(family: Family, [address, protocol, port]: Element['key']): string {
  const word = protocolNames[Number(low(protocol))];
  if (word === undefined) throw new NotHeldError(`ipset has no ports of protocol ${low(protocol)}`);
  return `${addressText(family, address)},${word}:${low(port)}`;
}

/** How many elements of one net hash:net,iface takes (net/netfilter/ipset/ip_set_hash_gen.h, AHASH_MAX_TUNED). */
export const mostInterfaces = 60;

/** A set of interfaces, whatever the address; the first one given is the one to ask. */
export function interfaceSet(
  name: string,
  interfaces: readonly string[],
  family: Family,
  names: Names,
): readonly [IpSet, ...IpSet[]] {
  const every = family === 4 ? '0.0.0.0/0' : '::/0';
  const of = (some: readonly string[], own: string): IpSet => ({
    name: names.set(own),
    type: 'hash:net,iface',
    family,
    marks: false,
    elements: some.map((one) => ({ key: `${every},${printInterface(one)}` })),
  });
  if (interfaces.length <= mostInterfaces) return [of(interfaces, name)];
  const parts: IpSet[] = [];
  for (let at = 0; at < interfaces.length; at += mostInterfaces)
    parts.push(of(interfaces.slice(at, at + mostInterfaces), `${name}/${parts.length}`));
  const elements = parts.map((part) => ({ key: part.name }));
  return [{ name: names.set(name), type: 'list:set', family, marks: false, elements }, ...parts];
}

const text = (part: KeyPart | undefined): string =>
  part === undefined ? '' : 'name' in part ? part.name : `${part.low}-${part.high}`;

function interval(part: KeyPart | undefined): Interval {
  if (part === undefined || 'name' in part) throw new TypeError('a name where a number should be');
  return part;
}

/** The lower end of a part of a key that is a number or a range. @throws TypeError where it is a name */
export const low = (part: KeyPart | undefined): bigint => interval(part).low;
/** A part of a key as plain numbers, both ends inside: ports, protocols, interfaces. @throws TypeError where it is a name */
export const numbers = (part: KeyPart | undefined): PortRange => {
  const { low: from, high: to } = interval(part);
  return { low: Number(from), high: Number(to) };
};
const addressText = (family: Family, part: KeyPart | undefined): string => formatAddress(addressOf(family, low(part)));
