import { type Address, bits as addressBits, type Family, formatAddress, isLinkLocal } from '../ip/address.ts';
import { type AddressSet, intervalPrefixes, ofFamily } from '../ip/address-set.ts';
import { icmpv6 } from '../ip/icmpv6.ts';
import { formatPrefix, type Prefix, prefixOf } from '../ip/prefix.ts';
import type { EnrolledBridge } from '../ruleset/ruleset.ts';
import { bits } from './marks.ts';
import type { EbChain, EbMatch, EbRule, EbTable, EbTarget, EtherType } from './model.ts';
import { linkLocalChain, mainChain, type Names, witnessChain } from './names.ts';

/** Where a sender is, and what it may say it is. */
export interface Place {
  /** The host's end of its veth. */
  readonly port: string;
  /** Lower case with colons. */
  readonly mac: string;
  readonly addresses: readonly Address[];
  /** Whether nothing passes between it and ports that nobody knows; not so where builds may run. */
  readonly strict: boolean;
}

/** Whether a port has the same sender, who may say the same. */
export function isSamePlace(a: Place, b: Place): boolean {
  return (
    a === b ||
    (a.port === b.port &&
      a.mac === b.mac &&
      a.strict === b.strict &&
      a.addresses.length === b.addresses.length &&
      a.addresses.every(
        ({ family, value }, at) => b.addresses[at]?.family === family && b.addresses[at]?.value === value,
      ))
  );
}

/** What is one place's alone, the same objects as long as it is: whoever compares two states looks at the others. */
interface OwnRules {
  readonly from: EbChain;
  readonly to: EbChain;
  /** That it is asked for in the trees: who it is, whom it is for, and who sends to nobody we know. */
  readonly leaves: Readonly<Record<'from' | 'to' | 'beside', EbRule>>;
  /** Against its MAC and its IPv4 addresses in frames from ports that nobody knows. */
  readonly mac: EbRule;
  readonly arp: readonly (readonly [address: bigint, EbRule])[];
  /** Against IP in its name from there, but for link-local addresses, which somebody else may have on each bridge. */
  readonly names: readonly (readonly [address: string, EbRule])[];
}

/**
 * What `table bridge sluice` does, as ebtables can: nat PREROUTING, before br_netfilter, proves that a frame is its
 * sender's, in IP, ARP and neighbour discovery; filter INPUT drops what no other rule would meet; filter FORWARD lets a frame to a container only if it is for it, and
 * marks it; nat POSTROUTING drops what still has that mark, since nobody has judged it on the way.
 *
 * A port is found by its name, a few characters a step, so that a thousand of them cost little more than one.
 *
 * @returns makes the tables of whoever is there; barred: ports from which nothing passes
 */
export function layer2(
  bridges: readonly EnrolledBridge[],
  names: Names,
): (places: readonly Place[], barred: readonly string[]) => readonly EbTable[] {
  const groups = everybody(bridges);
  const judged = bridges.flatMap(({ gateways, unknown }) =>
    unknown.kind === 'judge' ? [{ gateways, ...unknown }] : [],
  );
  const gateways = prefixesOf(judged.map((one) => one.gateways));
  const placesOfBuilds = prefixesOf(judged.map((one) => one.places));
  // ebtables-nft-restore takes time with the square of the rules that have the target `mark`: 20 s for a thousand
  // senders, so each bit is set in a chain of its own
  const [prove, bridge] = ['proven', 'bridged'].map(
    (name): EbTarget => ({ kind: 'jump', chain: names.chain(name) }),
  ) as [EbTarget, EbTarget];
  const made = madeBefore(names, groups);
  const own = (place: Place): OwnRules => {
    const before = made.get(place);
    if (before !== undefined) return before;
    const port = plainName(place.port);
    const from = { name: names.chain(`from-${port}`), rules: proof(place, prove) };
    const to = { name: names.chain(`to-${port}`), rules: reception(place, groups, bridge, names) };
    const beside = names.chain(place.strict ? 'to-nobody' : 'to-anybody');
    const leaf = (end: 'in' | 'out', chain: string) => rule({ kind: 'jump', chain }, { kind: end, name: place.port });
    const rules: OwnRules = {
      from,
      to,
      leaves: { from: leaf('in', from.name), to: leaf('out', to.name), beside: leaf('in', beside) },
      mac: rule(drop, { kind: 'source-mac', mac: place.mac }),
      arp: place.addresses
        .filter(({ family }) => family === 4)
        .map((one) => [one.value, rule(drop, arp, { kind: 'arp-source', prefix: single(one) })]),
      names: place.addresses
        .filter((one) => !isLinkLocal(one))
        .map((one) => [formatAddress(one), rule(drop, ip(one.family), source(single(one)))]),
    };
    made.set(place, rules);
    return rules;
  };
  return (places, barred) => {
    const known = tree('in', places, (place) => own(place).leaves.from, names);
    const receivers = tree('out', places, (place) => own(place).leaves.to, names);
    const senders = tree('in', places, (place) => own(place).leaves.beside, names);
    return [
      {
        name: 'nat',
        jumps: [
          { hook: 'PREROUTING', chain: mainChain },
          { hook: 'POSTROUTING', chain: witnessChain },
        ],
        chains: [
          {
            name: mainChain,
            rules: [
              ...barred.map((name) => rule(drop, { kind: 'in', name })),
              // whatever left it there, nothing has been proven yet
              rule({ kind: 'clear-mark', bit: bits.proven }),
              ...known.rules,
              rule({ kind: 'jump', chain: names.chain('strangers') }, likeDockers, isUnproven),
            ],
          },
          ...known.chains,
          ...places.map((place) => own(place).from),
          { name: names.chain('proven'), rules: [rule({ kind: 'mark-and-return', bit: bits.proven })] },
          { name: names.chain('strangers'), rules: strangers(places, own) },
          { name: witnessChain, rules: [rule(drop, isBridged)] },
        ],
      },
      {
        name: 'filter',
        jumps: [
          { hook: 'INPUT', chain: linkLocalChain },
          { hook: 'FORWARD', chain: mainChain },
        ],
        chains: [
          {
            name: mainChain,
            rules: [
              ...receivers.rules,
              rule(
                { kind: 'jump', chain: names.chain('to-unknown') },
                { kind: 'mark', bit: bits.bridged, is: 'clear' },
              ),
            ],
          },
          { name: linkLocalChain, rules: toLinkLocal },
          ...receivers.chains,
          ...places.map((place) => own(place).to),
          { name: names.chain('bridged'), rules: [rule({ kind: 'mark-and-return', bit: bits.bridged })] },
          { name: names.chain('to-unknown'), rules: senders.rules },
          ...senders.chains,
          // a frame to a port nobody knows: groups hear it; one container's frames to another go to whom we know
          { name: names.chain('to-nobody'), rules: [...toGroups(groups), rule(drop)] },
          // where builds may run, one that may be there is among whom nobody knows, but none that is somebody we know
          {
            name: names.chain('to-anybody'),
            rules: [
              ...places
                .filter(({ strict }) => !strict)
                .flatMap(({ addresses }) =>
                  addresses.map((one) => rule(drop, ip(one.family), destination(single(one)))),
                ),
              ...toGroups([...groups, ...placesOfBuilds]),
              rule(drop),
            ],
          },
          { name: names.chain('from-anybody'), rules: claims(gateways) },
        ],
      },
    ];
  };
}

/** By the names and groups that they were made with. */
const known = new WeakMap<Names, { era: number; groups: string; made: WeakMap<Place, OwnRules> }>();

/** Where places have the names and groups they had, they have their rules: a ruleset that is made anew for one who comes. */
function madeBefore(names: Names, groups: readonly Prefix[]): WeakMap<Place, OwnRules> {
  const said = groups.map(formatPrefix).join();
  const before = known.get(names);
  if (before?.era === names.era && before.groups === said) return before.made;
  const made = new WeakMap<Place, OwnRules>();
  known.set(names, { era: names.era, groups: said, made });
  return made;
}

const drop: EbTarget = { kind: 'drop' };
const back: EbTarget = { kind: 'return' };
const rule = (target: EbTarget, ...matches: readonly EbMatch[]): EbRule => ({ matches, target });
const ofType = (type: EtherType): EbMatch => ({ kind: 'ether-type', type });
const ip = (family: Family): EbMatch => ofType(family === 4 ? 'IPv4' : 'IPv6');
const arp = ofType('ARP');
/** Docker's ports are called veth… */
const likeDockers: EbMatch = { kind: 'in', name: 'veth', starts: true };
const isProven: EbMatch = { kind: 'mark', bit: bits.proven, is: 'set' };
const isUnproven: EbMatch = { kind: 'mark', bit: bits.proven, is: 'clear' };
const isBridged: EbMatch = { kind: 'mark', bit: bits.bridged, is: 'set' };
const source = (prefix: Prefix): EbMatch => ({ kind: 'ip', end: 'src', prefix });
const destination = (prefix: Prefix): EbMatch => ({ kind: 'ip', end: 'dst', prefix });
const single = (address: Address): Prefix => ({ address, length: addressBits(address.family) });
const icmpv6OfType = (type: number): readonly EbMatch[] => [
  { kind: 'transport', family: 6, protocol: 'icmpv6' },
  { kind: 'icmpv6-type', type },
];
const allSystems = single(prefixOf('224.0.0.1').address);
const unspecified = { 4: single(prefixOf('0.0.0.0').address), 6: single(prefixOf('::').address) } as const;

const underTags: readonly EbRule[] = [
  rule(drop, ofType('802_1Q'), { kind: 'vlan', id: 0 }),
  rule(drop, ofType('0x88a8')),
];

/**
 * Frames to a link-local group that is not forwarded are handed up on the port itself (net/bridge/br_input.c,
 * br_handle_frame): no rule about bridges meets what is in them, and a fragment could be put together with another's. Nobody
 * sends IP to such a group (IEEE 802.1D 7.12.6), nor ARP.
 */
const toLinkLocal: readonly EbRule[] = (['IPv4', 'IPv6', 'ARP', '802_1Q', '0x88a8'] as const).map((type) =>
  rule(drop, likeDockers, { kind: 'link-local-group' }, ofType(type)),
);

/** A frame from a container's port: its MAC and its addresses, or nothing. */
function proof({ mac, addresses }: Place, prove: EbTarget): readonly EbRule[] {
  const own = (family: Family) => addresses.filter((address) => address.family === family);
  const request: readonly EbMatch[] = [arp, { kind: 'arp', operation: 1 }];
  const reply: readonly EbMatch[] = [arp, { kind: 'arp', operation: 2 }];
  return [
    rule(drop, { kind: 'source-mac', mac, not: true }),
    // who asks a bridge's ports for their groups is believed to be the router there, and multicast goes to it and to who
    // answered (net/bridge/br_multicast.c). Other questions of IGMP, and those in fragments, are dropped in raw (inet/proof.ts)
    rule(drop, ip(4), destination(allSystems), { kind: 'transport', family: 4, protocol: 'igmp' }),
    rule(drop, ip(6), ...icmpv6OfType(icmpv6.mldQuery)),
    ...addresses.map((address) => rule(prove, ip(address.family), source(single(address)))),
    rule(back, isProven),
    // sender 0.0.0.0 is an ARP probe (RFC 5227): it claims nothing
    ...[...own(4).map(single), unspecified[4]].flatMap((prefix) =>
      [request, reply].map((operation) => rule(prove, ...operation, { kind: 'arp-source', mac, prefix })),
    ),
    // no address yet: duplicate address detection (to the target's own group), MLD (RFC 3810). Not DHCP: the engine gives
    // containers their addresses
    ...solicitedGroups(own(6)).map((group) =>
      rule(prove, ip(6), source(unspecified[6]), destination(group), ...icmpv6OfType(icmpv6.neighbourSolicit)),
    ),
    ...[icmpv6.mldReport, icmpv6.mldDone, icmpv6.routerSolicit, icmpv6.mldv2Report].map((type) =>
      rule(prove, ip(6), source(unspecified[6]), ...icmpv6OfType(type)),
    ),
    rule(drop, isUnproven),
  ];
}

/** RFC 4291 2.7.1; each once, for addresses made of one MAC have the same. */
function solicitedGroups(addresses: readonly Address[]): readonly Prefix[] {
  const group = prefixOf('ff02::1:ff00:0').address;
  const ends = new Set(addresses.map(({ value }) => value & 0xff_ffffn));
  return [...ends].map((end) => ({ address: { ...group, value: group.value | end }, length: 128 }));
}

/**
 * From ports nobody knows: not in a known container's name, or the bridge, the host and neighbours would believe it. Under a
 * tag nothing of that can be seen, and the host takes one of VLAN 0 off (net/core/dev.c, __netif_receive_skb_core): it would
 * believe such an ARP, and such a fragment waits for its rest outside br_netfilter, where the rest may come past the bridge. IP in
 * a known one's name is dropped here, too, before conntrack puts its fragments together with what that one sends. Ports of hardware
 * are not asked: no enrolled bridge has one, and behind it are whoever they are.
 */
function strangers(places: readonly Place[], own: (place: Place) => OwnRules): readonly EbRule[] {
  const macs = new Map(places.map((place) => [place.mac, own(place).mac]));
  const addresses = new Map(places.flatMap((place) => own(place).arp));
  const names = new Map(places.flatMap((place) => own(place).names));
  return [...underTags, ...macs.values(), ...addresses.values(), ...names.values()];
}

/** A frame to a container's port: its own address or a group, and judged on the way. */
function reception(
  { addresses, strict }: Place,
  groups: readonly Prefix[],
  bridge: EbTarget,
  names: Names,
): readonly EbRule[] {
  return [
    ...(strict ? [] : [rule({ kind: 'jump', chain: names.chain('from-anybody') })]),
    // who routes is for the host to say (RFC 4861)
    ...[icmpv6.routerAdvert, icmpv6.redirect].map((type) => rule(drop, ip(6), ...icmpv6OfType(type))),
    ...addresses.map((address) => rule(bridge, ip(address.family), destination(single(address)))),
    ...groups.map((prefix) => rule(bridge, ip(prefix.address.family), destination(prefix))),
    rule(back, isBridged),
    ...(strict
      ? [
          // ARP never meets inet, so the proof is still on it
          rule(back, arp, isProven),
        ]
      : [rule(back, arp)]),
    rule(drop),
  ];
}

/**
 * Whoever says that it has an address of the host's own would be sent what goes beyond. Advertisements of others' addresses are
 * dropped in raw (inet/proof.ts); questions teach who asks, too (RFC 4861 7.2.3).
 */
function claims(gateways: readonly Prefix[]): readonly EbRule[] {
  return gateways.flatMap((prefix) => [
    ...(prefix.address.family === 4 ? [rule(drop, arp, { kind: 'arp-source', prefix })] : []),
    rule(drop, ip(prefix.address.family), source(prefix)),
  ]);
}

function toGroups(groups: readonly Prefix[]): readonly EbRule[] {
  return [rule(back, arp), ...groups.map((prefix) => rule(back, ip(prefix.address.family), destination(prefix)))];
}

/** Multicast (RFC 5771, RFC 4291 2.7) and broadcast, the bridges' own included. */
function everybody(bridges: readonly EnrolledBridge[]): readonly Prefix[] {
  const directed = bridges.flatMap(({ broadcasts }) =>
    ofFamily(broadcasts, 4).flatMap((interval) => intervalPrefixes(4, interval)),
  );
  const all = [prefixOf('224.0.0.0/4'), prefixOf('255.255.255.255'), prefixOf('ff00::/8'), ...directed];
  return [
    ...new Map(
      all.map((prefix) => [`${prefix.address.family} ${prefix.address.value}/${prefix.length}`, prefix]),
    ).values(),
  ];
}

/** Sets of addresses as prefixes. */
function prefixesOf(sets: readonly AddressSet[]): readonly Prefix[] {
  return ([4, 6] as const).flatMap((family) =>
    sets.flatMap((set) => ofFamily(set, family).flatMap((interval) => intervalPrefixes(family, interval))),
  );
}

/** Interfaces may be called what chains may not. */
function plainName(name: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(name)) return name;
  return `.${[...name].map((letter) => (letter.codePointAt(0) as number).toString(16)).join('.')}`;
}

interface Tree {
  /** Rules for the chain it begins in. */
  readonly rules: readonly EbRule[];
  readonly chains: readonly EbChain[];
}

/** As many ports as are asked for one by one. */
const few = 8;

function tree(end: 'in' | 'out', places: readonly Place[], leaf: (place: Place) => EbRule, names: Names): Tree {
  const grow = (some: readonly Place[], depth: number): Tree => {
    if (some.length <= few) return { rules: some.map(leaf), chains: [] };
    const rules: EbRule[] = [];
    const chains: EbChain[] = [];
    let length = depth + 1;
    // as far as all names are the same, nothing is told apart
    const isAlike = () => some.every(({ port }) => port.slice(0, length) === some[0]?.port.slice(0, length));
    while (isAlike() && some.some(({ port }) => port.length > length)) length++;
    for (const [start, group] of Map.groupBy(some, ({ port }) => port.slice(0, length))) {
      // whose name goes no further is asked for by all of it
      const [ended = [], longer = []] = [true, false].map((ends) =>
        group.filter(({ port }) => (port === start) === ends),
      );
      const below: Tree = longer.length > 1 ? grow(longer, length) : { rules: longer.map(leaf), chains: [] };
      rules.push(...ended.map(leaf));
      if (below.chains.length === 0 && below.rules.length <= 1) {
        rules.push(...below.rules);
        continue;
      }
      const name = names.chain(`ports-${end}-${plainName(start)}`);
      chains.push({ name, rules: below.rules }, ...below.chains);
      rules.push(rule({ kind: 'jump', chain: name }, { kind: end, name: start, starts: true }));
    }
    return { rules, chains };
  };
  return grow(places, 0);
}
