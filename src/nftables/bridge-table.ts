import { type Family, families } from '../ip/address.ts';
import { ofFamily } from '../ip/address-set.ts';
import { icmpv6 } from '../ip/icmpv6.ts';
import { igmp } from '../ip/igmp.ts';
import { type Interval, normalise } from '../ip/interval.ts';
import { withoutOptions } from '../ip/options.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import { addressType, senderSets } from './endpoint-elements.ts';
import { priorities } from './hooks.ts';
import type { Marks } from './marks.ts';
import type { Chain, NftSet, Rule, Table } from './model.ts';
import type { SenderSets } from './sender-sets.ts';
import {
  accept,
  count,
  drop,
  element,
  goTo,
  inSet,
  is,
  isNot,
  jump,
  named,
  notInSet,
  one,
  range,
} from './statements.ts';

/** Of an IPv4 packet that is no fragment, which may forbid to be taken apart (RFC 791). */
const wholePackets = [0, 0x4000] as const;

/**
 * IPv6 headers that others follow (RFC 8200 4.1), as the kernel knows them (net/ipv6/exthdrs_core.c, ipv6_ext_hdr). A
 * fragment that goes on with one may leave what its packet is about to a later fragment, where no hook of the bridge
 * finds it.
 */
const extensions = [0, 43, 44, 51, 60] as const;

/** EtherTypes of frames with a VLAN tag (IEEE 802.1Q, 802.1ad); the kernel takes off no others (if_vlan.h, eth_type_vlan). */
const vlanTags = { customer: 0x8100, provider: 0x88a8 } as const;

/** An IPv6 packet names its way: one for the host the host sends on by it, where it is told to (net/ipv6/exthdrs.c, ipv6_srh_rcv). */
export const hasRoutingHeader = is('rt type', range(0, 255));

/** An IPv4 packet has options and is for no group (RFC 5771). */
export const hasOptions: Rule = [
  isNot('ip hdrlength', withoutOptions),
  isNot('ip daddr', range(0xe000_0000n, 0xefff_ffffn)),
];

const isVeth = is('meta iifkind', named('veth'));

/**
 * Table `bridge sluice`: the proof of the sender. A frame from a known port passes only with that port's MAC and
 * addresses, in IP, ARP and neighbour discovery alike; inet sees by a mark which frames were proven. What is bridged to
 * a neighbour must have been judged by inet on the way (br_netfilter clears the mark there) and must go to whom its IP
 * destination is, or it is dropped: switching br_netfilter off closes the way instead of opening it.
 */
export function renderBridgeTable(ruleset: Ruleset, marks: Marks, senders: SenderSets): Table {
  return {
    family: 'bridge',
    name: 'sluice',
    counters: ['spoofed', 'unjudged', 'astray'],
    sets: [
      ...identitySets(senders),
      ...families.map((family) => everybody(ruleset, family)),
      ...families.map((family) => addressesOf(`gateways${family}`, family, gateways(ruleset, family))),
      gatewayTargets(ruleset),
      ...families.map((family) => placesOfBuilds(ruleset, family)),
    ],
    chains: [...proofChains(marks), ...witnessChains(marks)],
  };
}

function identitySets(senders: SenderSets): readonly NftSet[] {
  return (Object.keys(senderSets.bridge) as (keyof typeof senderSets.bridge)[]).map((name) => senders.bridge(name));
}

/** An ascending set of addresses of one family. */
function addressesOf(name: string, family: Family, intervals: readonly Interval[]): NftSet {
  const elements = normalise(intervals).map(({ low, high }) => element([range(low, high)]));
  return { name, key: [addressType[family]], interval: true, data: 'none', elements };
}

/** The host's own addresses on bridges where a source nobody knows is judged: nobody there may be believed to have them. */
function gateways({ bridges }: Ruleset, family: Family): readonly Interval[] {
  return bridges.flatMap(({ gateways: own, unknown }) => (unknown.kind === 'judge' ? ofFamily(own, family) : []));
}

/** Those of IPv6 as the targets of neighbour discovery, which have a type of their own. */
function gatewayTargets(ruleset: Ruleset): NftSet {
  const each = gateways(ruleset, 6).flatMap(({ low, high }) =>
    Array.from({ length: Number(high - low) + 1 }, (_, index) => element([one(low + BigInt(index))])),
  );
  return { name: 'gateway-targets', key: ['nd_target'], interval: false, data: 'none', elements: each };
}

/** Where a source nobody knows may be. */
export function placesOfBuilds({ bridges }: Ruleset, family: Family): NftSet {
  const places = bridges.flatMap(({ unknown }) => (unknown.kind === 'judge' ? ofFamily(unknown.places, family) : []));
  return addressesOf(`places-of-builds${family}`, family, places);
}

/** Multicast (RFC 5771, RFC 4291 2.7) and broadcast: destinations that a frame to every neighbour may have. */
function everybody(ruleset: Ruleset, family: Family): NftSet {
  const multicast: Interval =
    family === 4 ? { low: 0xe0000000n, high: 0xefffffffn } : { low: 0xffn << 120n, high: (1n << 128n) - 1n };
  const limited: readonly Interval[] = family === 4 ? [{ low: 0xffffffffn, high: 0xffffffffn }] : [];
  const directed = ruleset.bridges.flatMap((bridge) => ofFamily(bridge.broadcasts, family));
  return addressesOf(`everybody${family}`, family, [multicast, ...limited, ...directed]);
}

function proofChains(marks: Marks): readonly Chain[] {
  const prove = { kind: 'change-mark', of: 'meta', bit: marks.proven, to: 'set' } as const;
  const spoofed: Rule = [count('spoofed'), drop];
  const ownTarget = inSet('nd-targets', 'iif', 'ether saddr', 'nd target');
  return [
    {
      name: 'prerouting',
      hook: { hook: 'prerouting', priority: priorities.proof },
      rules: [
        // a VLAN tag stands where the EtherType is looked for, so ARP and neighbour discovery under one would pass unseen;
        // the host strips an 802.1p tag (VLAN 0) and believes what was in it. Asking the rules below for the EtherType
        // would be cheaper, but nft does not list what it takes for implied, and reading back could not tell
        [is('ether type', vlanTags.customer, vlanTags.provider), inSet('ports', 'iif'), ...spoofed],
        [inSet('senders4', 'iif', 'ether saddr', 'ip saddr'), goTo('proven4')],
        [inSet('senders6', 'iif', 'ether saddr', 'ip6 saddr'), goTo('proven6')],
        [inSet('ports', 'iif'), goTo('without-address')],
        // a port nobody knows may say the same from under a tag that the host takes off; other VLANs are others' business
        [is('vlan id', 0), isVeth, ...spoofed],
        [is('ether type', vlanTags.provider), isVeth, ...spoofed],
        // a port nobody knows, of whatever bridge: the bridge would send a known container's frames there, and the host or
        // a neighbour believe that it is there (IP in a known container's name is inet's to drop). An enrolled bridge has
        // ports of containers only; the host's own card on another bridge brings frames of whoever is behind it
        [inSet('held-macs', 'ether saddr'), isVeth, ...spoofed],
        [inSet('held4', 'arp saddr ip'), isVeth, ...spoofed],
        [is('icmpv6 type', icmpv6.neighbourAdvert), inSet('held-targets', 'nd target'), isVeth, ...spoofed],
        // a fragment whose ICMPv6 is behind an extension header may say it as well: conntrack puts it together behind us
        [is('frag nexthdr', ...extensions), isVeth, ...spoofed],
      ],
    },
    {
      // a packet may name the way it goes by its options (RFC 791, source routes): a kernel that goes by them sends on what
      // was judged as going to the host (net/ipv4/ip_options.c, ip_options_rcv_srr). The only ones a container needs are
      // those of IGMP's reports, which go to a group; what goes to one is never sent on by them
      //
      // who asks a bridge's ports for their groups is believed to be the router there: the bridge then keeps multicast, and
      // with it neighbour discovery, from every port that does not answer (net/bridge/br_multicast.c). Whomever the question
      // goes to: one of IGMPv1 with a group is believed to be for all. Later fragments show no type here, and the bridge
      // reads their beginning as one
      name: 'proven4',
      rules: [
        [...hasOptions, ...spoofed],
        [is('meta l4proto', igmp.protocol), is('igmp type', igmp.query), ...spoofed],
        [is('meta l4proto', igmp.protocol), isNot('ip frag-off', ...wholePackets), ...spoofed],
        [prove, accept],
      ],
    },
    {
      // RFC 4861: who routes and who answers for an address is not a container's to say. Neighbour discovery is never
      // fragmented (RFC 6980), and a first fragment holds all headers (RFC 7112): else inet would put together, and the
      // host or a neighbour believe, what was not seen here
      name: 'proven6',
      rules: [
        [is('frag nexthdr', ...extensions), ...spoofed],
        [hasRoutingHeader, ...spoofed],
        [is('icmpv6 type', icmpv6.mldQuery, icmpv6.routerAdvert, icmpv6.redirect), ...spoofed],
        [is('icmpv6 type', icmpv6.neighbourAdvert), ownTarget, prove, accept],
        [is('icmpv6 type', icmpv6.neighbourAdvert), ...spoofed],
        [prove, accept],
      ],
    },
    {
      name: 'without-address',
      rules: [
        [
          is('arp htype', 1),
          is('arp ptype', 0x0800),
          is('arp hlen', 6),
          is('arp plen', 4),
          is('arp operation', 1, 2),
          inSet('arp-senders', 'iif', 'ether saddr', 'arp saddr ether', 'arp saddr ip'),
          accept,
        ],
        [inSet('macs', 'iif', 'ether saddr'), jump('configuring')],
        spoofed,
      ],
    },
    {
      // a container that has no address yet: duplicate address detection, MLD (RFC 3810). Not DHCP: the engine gives
      // addresses, and docker-proxy would pass on to a container what it hears on 67/udp
      name: 'configuring',
      rules: [
        [is('ip6 saddr', 0), is('icmpv6 type', icmpv6.neighbourSolicit), ownTarget, prove, accept],
        [
          is('ip6 saddr', 0),
          is('icmpv6 type', icmpv6.mldReport, icmpv6.mldDone, icmpv6.routerSolicit, icmpv6.mldv2Report),
          prove,
          accept,
        ],
      ],
    },
  ];
}

function witnessChains(marks: Marks): readonly Chain[] {
  const spoofed: Rule = [count('spoofed'), drop];
  /** IP for whoever is behind the port, or for all. */
  const forReceiver: readonly Rule[] = [
    [inSet('receivers4', 'oif', 'ip daddr'), accept],
    [inSet('receivers6', 'oif', 'ip6 daddr'), accept],
    [inSet('everybody4', 'ip daddr'), accept],
    [inSet('everybody6', 'ip6 daddr'), accept],
  ];
  return [
    {
      name: 'forward',
      hook: { hook: 'forward', priority: priorities.witness },
      rules: [
        [inSet('ports', 'iif'), goTo('between-neighbours')],
        [inSet('strict-ports', 'oif'), ...spoofed],
        [inSet('ports', 'oif'), goTo('from-unknown')],
      ],
    },
    {
      // what the host sends, or sends on: by neighbour discovery a container says at which MAC it is, and may say a neighbour's.
      // That one would be sent what is the other's: answers of third ones, and errors that quote what it had sent
      name: 'output',
      hook: { hook: 'output', priority: priorities.witness },
      rules: [[inSet('ports', 'oif'), goTo('to-known')]],
    },
    {
      name: 'to-known',
      rules: [...forReceiver, [is('ether type', 0x0800, 0x86dd), count('astray'), drop]],
    },
    {
      // where builds may run: who routes is for the host to say (RFC 4861), and what its addresses are. A container that
      // believed another would send there what it may send beyond
      name: 'from-unknown',
      rules: [
        [is('icmpv6 type', icmpv6.routerAdvert, icmpv6.redirect), ...spoofed],
        [inSet('gateways4', 'arp saddr ip'), ...spoofed],
        [is('icmpv6 type', icmpv6.neighbourAdvert), inSet('gateway-targets', 'nd target'), ...spoofed],
        // a question for an address teaches who asks, too (RFC 4861 7.2.3)
        ...families.map(
          (family): Rule => [inSet(`gateways${family}`, family === 4 ? 'ip saddr' : 'ip6 saddr'), ...spoofed],
        ),
      ],
    },
    {
      name: 'between-neighbours',
      rules: [
        [is('ether type', 0x0806), accept],
        [{ kind: 'mark-bit', of: 'meta', bit: marks.proven, is: 'set' }, count('unjudged'), drop],
        // what was judged is the IP destination, so the frame must go to whom that is: else two containers that may not
        // talk could, by frames to each other's MAC that say they go elsewhere
        ...forReceiver,
        // a port nobody knows may have taken over a neighbour's MAC; where builds may run, it is theirs
        [notInSet('strict-ports', 'iif'), notInSet('ports', 'oif'), goTo('to-unknown')],
        [count('astray'), drop],
      ],
    },
    {
      // to where a build may be, and nobody else is: what says that it goes elsewhere was judged as that
      name: 'to-unknown',
      rules: [
        [inSet('held4', 'ip daddr'), count('astray'), drop],
        [inSet('held6', 'ip6 daddr'), count('astray'), drop],
        [inSet('places-of-builds4', 'ip daddr'), accept],
        [inSet('places-of-builds6', 'ip6 daddr'), accept],
        [count('astray'), drop],
      ],
    },
  ];
}
