import { type Address, type Family, isLinkLocal } from '../ip/address.ts';
import type { GroupId, OpenPort } from '../ruleset/ruleset.ts';
import type { Element, KeyPart, KeyType, TableFamily, Verdict } from './model.ts';
import type { Plane } from './program.ts';
import { keyText } from './same.ts';
import { element, one } from './statements.ts';

/** What the standing rules hold ready for a sender: everything but where it sends from. */
export interface SeatRules {
  readonly bridge: { readonly name: string; readonly index: number };
  /** Whether sources that nobody knows are dropped there; not so on docker0 while builds are allowed. */
  readonly strict: boolean;
  /** Where its packets go first, by plane and family. */
  readonly entries: Readonly<Record<`${Plane}${Family}`, Verdict>>;
  /** Groups that have its addresses as members. */
  readonly groups: readonly GroupId[];
  /** Its own ports where conversations from outside may begin. */
  readonly opens: readonly OpenPort[];
}

/** Where a sender is: the host's end of its veth, its MAC, and every address it may use, the link-local one among them. */
export interface SenderPlace {
  readonly port: { readonly name: string; readonly index: number };
  /** Lower case with colons. */
  readonly mac: string;
  readonly addresses: readonly Address[];
}

/** One element of one of our sets, with what is needed to say it to the kernel. */
export interface SetElement {
  readonly table: TableFamily;
  readonly set: string;
  readonly key: readonly KeyType[];
  readonly element: Element;
}

export const addressType = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

/**
 * The sets whose elements come and go with senders, by table; beside them the sets of groups and of published ports. Several
 * senders may have one element in common where the key names no port: see {@link elementId}.
 */
export const senderSets = {
  bridge: {
    ports: ['iface_index'],
    'strict-ports': ['iface_index'],
    macs: ['iface_index', 'ether_addr'],
    senders4: ['iface_index', 'ether_addr', 'ipv4_addr'],
    senders6: ['iface_index', 'ether_addr', 'ipv6_addr'],
    receivers4: ['iface_index', 'ipv4_addr'],
    receivers6: ['iface_index', 'ipv6_addr'],
    'arp-senders': ['iface_index', 'ether_addr', 'ether_addr', 'ipv4_addr'],
    'held-macs': ['ether_addr'],
    held4: ['ipv4_addr'],
    held6: ['ipv6_addr'],
    // the same addresses as held6, which a raw payload cannot be looked up in
    'held-targets': ['nd_target'],
    'nd-targets': ['iface_index', 'ether_addr', 'nd_target'],
  },
  inet: {
    ports: ['iface_index'],
    forward4: ['iface_index', 'ipv4_addr'],
    host4: ['iface_index', 'ipv4_addr'],
    forward6: ['iface_index', 'ipv6_addr'],
    host6: ['iface_index', 'ipv6_addr'],
    known4: ['iface_index', 'ipv4_addr'],
    known6: ['iface_index', 'ipv6_addr'],
    taken4: ['ipv4_addr'],
    taken6: ['ipv6_addr'],
    quoting4: ['iface_index', 'ipv4_addr', 'quoted4'],
    quoting6: ['iface_index', 'ipv6_addr', 'quoted6'],
  },
} as const satisfies Readonly<Record<TableFamily, Readonly<Record<string, readonly KeyType[]>>>>;

/** Keys of a group's set on one family: an address is a container's only where the container is. */
export const groupKey = (family: Family): readonly KeyType[] => ['iface_index', addressType[family]];
export const groupName = (group: GroupId, family: Family): string => `group${family}/${group}`;
export const groupElement = (bridge: { readonly index: number }, { value }: Address): Element =>
  element([one(bridge.index), one(value)]);

/** Keys of the set of published ports on one family: where a service behind one answers, after DNAT. */
export const publishedKey = (family: Family): readonly KeyType[] => [addressType[family], 'inet_proto', 'inet_service'];
export const publishedName = (family: Family): string => `published${family}`;
export const publishedElement = ({ value }: Address, protocol: number, port: number): Element =>
  element([one(value), one(protocol), one(port)]);

/** The elements that make a container at a place a proven sender, in both tables. */
export function endpointElements(rules: SeatRules, place: SenderPlace): readonly SetElement[] {
  return [...proofOf(rules, place), ...judgementOf(rules, place)];
}

/** Text that two elements share when they are of one set and have one key: whoever needs it, it stands once. */
export function elementId({ table, set, element: { key } }: SetElement): string {
  return `${table} ${set} ${keyText(key)}`;
}

function proofOf({ strict }: SeatRules, { port: { index }, mac: text, addresses }: SenderPlace): readonly SetElement[] {
  const sets = senderSets.bridge;
  const elements: SetElement[] = [];
  const add = (set: keyof typeof sets, ...key: readonly KeyPart[]) =>
    elements.push({ table: 'bridge', set, key: sets[set], element: element(key) });
  const port = one(index);
  const mac = one(BigInt(`0x${text.replaceAll(':', '')}`));
  add('ports', port);
  // where `docker build` may run, a frame of an unknown port to a known one is inet's to judge
  if (strict) add('strict-ports', port);
  add('macs', port, mac);
  add('held-macs', mac);
  // sender 0.0.0.0 is an ARP probe (RFC 5227): it claims nothing
  add('arp-senders', port, mac, mac, one(0n));
  for (const { family, value } of addresses) {
    const address = one(value);
    add(`senders${family}`, port, mac, address);
    add(`receivers${family}`, port, address);
    add(`held${family}`, address);
    if (family === 4) {
      add('arp-senders', port, mac, mac, address);
    } else {
      add('nd-targets', port, mac, address);
      add('held-targets', address);
    }
  }
  return elements;
}

function judgementOf(
  { bridge, strict, entries, groups, opens }: SeatRules,
  { port, addresses }: SenderPlace,
): readonly SetElement[] {
  const sets = senderSets.inet;
  const elements: SetElement[] = [];
  const add = (set: keyof typeof sets, key: readonly KeyPart[], verdict?: Verdict) =>
    elements.push({ table: 'inet', set, key: sets[set], element: element(key, verdict) });
  add('ports', [one(port.index)]);
  for (const address of addresses) {
    const { family } = address;
    const key = [one(bridge.index), one(address.value)];
    add(`forward${family}`, key, entries[`forward${family}`]);
    add(`host${family}`, key, entries[`host${family}`]);
    if (!strict) add(`known${family}`, key);
    if (!isLinkLocal(address)) add(`taken${family}`, [one(address.value)]);
    // an error about what was sent to it
    add(`quoting${family}`, [...key, one(address.value)]);
    for (const group of groups)
      elements.push({
        table: 'inet',
        set: groupName(group, family),
        key: groupKey(family),
        element: groupElement(bridge, address),
      });
    for (const { only = family, protocol, port: open } of opens)
      if (only === family)
        elements.push({
          table: 'inet',
          set: publishedName(family),
          key: publishedKey(family),
          element: publishedElement(address, protocol, open),
        });
  }
  return elements;
}
