import { type Family, families } from '../ip/address.ts';
import { ofFamily } from '../ip/address-set.ts';
import { icmpv6 } from '../ip/icmpv6.ts';
import { igmp } from '../ip/igmp.ts';
import { linkLocal6Set } from '../ip/registry.ts';
import type { AddressGroup, Program, Ruleset } from '../ruleset/ruleset.ts';
import { hasOptions, hasRoutingHeader, placesOfBuilds } from './bridge-table.ts';
import {
  addressType,
  groupElement,
  groupKey,
  groupName,
  publishedElement,
  publishedKey,
  publishedName,
  type senderSets,
} from './endpoint-elements.ts';
import { beforeDefragChain, priorities } from './hooks.ts';
import type { Marks } from './marks.ts';
import type { Chain, Element, KeyPart, NftSet, Rule, Statement, Table } from './model.ts';
import { errorsChain, type Plane, planes, programCounters, programEntry } from './program.ts';
import { programRules } from './program-rules.ts';
import { programsOf, type SenderSets } from './sender-sets.ts';
import {
  accept,
  back,
  count,
  drop,
  element,
  goTo,
  inSet,
  is,
  jump,
  named,
  notInSet,
  range,
  vmap,
} from './statements.ts';

/** ICMPv6 types of neighbour discovery that containers may send (RFC 4861), and of MLD listeners (RFC 2710, RFC 3810). */
const neighbourDiscovery = [135, 136] as const;
const routerSolicit = 133;
const mldListener = [131, 132, 143] as const;

/**
 * Table `inet sluice`: what arrives from an enrolled bridge must be proven; then each hook finds the sender's program by
 * bridge and address, and the program judges. Replies to conversations that began elsewhere are free, unless conntrack
 * picked them up in the middle.
 */
export function renderInetTable(ruleset: Ruleset, marks: Marks, senders: SenderSets): Table {
  const programs = programRules(ruleset);
  const own = (name: keyof typeof senderSets.inet) => senders.inet(name);
  return {
    family: 'inet',
    name: 'sluice',
    counters: ['unproven', 'unknown-source', 'held', 'unknown-bridge', ...ruleset.programs.flatMap(programCounters)],
    sets: [
      own('ports'),
      {
        name: 'bridges',
        key: ['ifname'],
        interval: false,
        data: 'none',
        elements: ruleset.bridges.map((bridge) => element([named(bridge.name)])),
      },
      {
        name: 'known-bridges',
        key: ['ifname'],
        interval: false,
        data: 'none',
        elements: ruleset.knownBridges.map((name) => element([named(name)])),
      },
      ...families.map((family) => heldSources(ruleset, family)),
      ...families.map((family) => hostAddresses(ruleset, family)),
      ...families.map((family) => published(ruleset, family)),
      ...families.flatMap((family) => planes.map((plane) => own(`${plane}${family}`))),
      ...families.map((family) => own(`known${family}`)),
      ...families.map((family) => own(`taken${family}`)),
      ...families.map((family) => own(`quoting${family}`)),
      judgedBridges(ruleset),
      ...families.map((family) => placesOfBuilds(ruleset, family)),
      ...families.flatMap((family) => planes.map((plane) => unknownSenders(ruleset, plane, family))),
      ...programs.sets,
      ...groupSets(ruleset),
      ...programs.shared,
    ],
    chains: [
      fragments(marks),
      arrival(marks),
      unproven,
      unenrolled(ruleset),
      forward(marks),
      inbound(marks),
      input(marks),
      ...unknownChains,
      refuse(ruleset),
      ...families.map((family) => errors(family, marks)),
      ...programs.chains,
    ],
  };
}

/** Addresses of named projects' networks, as they are and as they last were. */
function heldSources(ruleset: Ruleset, family: Family): NftSet {
  const elements = ofFamily(ruleset.held, family).map(({ low, high }) => element([range(low, high)]));
  return { name: `held-sources${family}`, key: [addressType[family]], interval: true, data: 'none', elements };
}

function hostAddresses(ruleset: Ruleset, family: Family): NftSet {
  const elements = ofFamily(ruleset.hostAddresses, family).map(({ low, high }) => element([range(low, high)]));
  return { name: `host-addresses${family}`, key: [addressType[family]], interval: true, data: 'none', elements };
}

function published(ruleset: Ruleset, family: Family): NftSet {
  const elements = ruleset.published
    .filter((endpoint) => endpoint.address.family === family)
    .flatMap(({ address, protocol, port }): Element[] =>
      Array.from({ length: port.high - port.low + 1 }, (_, index) =>
        publishedElement(address, protocol, port.low + index),
      ),
    );
  return {
    name: publishedName(family),
    key: publishedKey(family),
    interval: false,
    data: 'none',
    elements,
  };
}

/** Bridges where a source nobody knows is judged instead of dropped: docker0 while `docker build` is allowed. */
function judged(ruleset: Ruleset): readonly { readonly name: string; readonly program: string }[] {
  return ruleset.bridges.flatMap((bridge) =>
    bridge.unknown.kind === 'judge' ? [{ name: bridge.name, program: bridge.unknown.program }] : [],
  );
}

/** Its name; see {@link judged}. */
export const judgedBridgesSet = 'judged-bridges';

function judgedBridges(ruleset: Ruleset): NftSet {
  return {
    name: judgedBridgesSet,
    key: ['ifname'],
    interval: false,
    data: 'none',
    elements: judged(ruleset).map(({ name }) => element([named(name)])),
  };
}

function unknownSenders(ruleset: Ruleset, plane: Plane, family: Family): NftSet {
  const programs = programsOf(ruleset.programs);
  const elements = judged(ruleset).map(({ name, program }) =>
    element([named(name)], programEntry(programs.get(program) as Program, plane, family)),
  );
  return { name: `unknown-${plane}${family}`, key: ['ifname'], interval: false, data: 'verdict', elements };
}

const knownGroups = new WeakMap<AddressGroup, readonly NftSet[]>();

function groupSets(ruleset: Ruleset): readonly NftSet[] {
  return ruleset.groups.flatMap((group) => {
    let sets = knownGroups.get(group);
    if (sets === undefined) {
      sets = families.map((family) => groupSet(group, family));
      knownGroups.set(group, sets);
    }
    return sets;
  });
}

function groupSet({ id, members }: AddressGroup, family: Family): NftSet {
  const elements = members
    .filter(({ address }) => address.family === family)
    .map(({ bridge, address }) => groupElement(bridge, address));
  return { name: groupName(id, family), key: groupKey(family), interval: false, data: 'none', elements };
}

/**
 * Each fragment is asked for itself: conntrack puts them together at -400, whichever bridges they came by, and the whole has the
 * port of the one that came last, and mark and MACs of the first (net/ipv4/inet_fragment.c, inet_frag_reasm_prepare). So none
 * is taken from who is not proven where everybody has to be, nor in a known container's name from anywhere else. Frames to
 * 01:80:c2:00:00:0x (IEEE 802.1D 7.12.6) are handed up on the port itself, past the bridge's hooks (net/bridge/br_input.c,
 * br_handle_frame); no IP packet has business there.
 */
function fragments(marks: Marks): Chain {
  const denied: Rule = [count('unproven'), drop];
  const fromBridge = is('meta iifkind', named('bridge'));
  return {
    name: beforeDefragChain,
    hook: { hook: 'prerouting', priority: priorities.fragments },
    rules: [
      [inSet('ports', 'iif'), ...denied],
      [is('ether daddr', range(0x0180_c200_0000n, 0x0180_c200_000fn)), ...denied],
      [{ kind: 'mark-bit', of: 'meta', bit: marks.proven, is: 'set' }, accept],
      [inSet('bridges', 'iifname'), notInSet(judgedBridgesSet, 'iifname'), ...denied],
      // found by that bridge it is somebody else's, who is there: a container may have been given a LAN host's address
      ...families.map(
        (family): Rule => [
          fromBridge,
          inSet(`taken${family}`, family === 4 ? 'ip saddr' : 'ip6 saddr'),
          { kind: 'reverse-path', is: 'missing' },
          ...denied,
        ],
      ),
    ],
  };
}

/** Where every IP packet comes next, be it for a neighbour, for the host or beyond. */
export const arrivalChain = { table: 'sluice', chain: 'prerouting', priority: priorities.arrival } as const;

/**
 * Who asks a bridge for its listeners is believed to be the router there (net/bridge/br_multicast.c), and multicast is kept
 * from neighbours that did not answer: on docker0, where a source nobody knows is judged, too.
 */
function arrival(marks: Marks): Chain {
  const fromUnknown: Rule = [inSet(judgedBridgesSet, 'iifname'), count('unproven'), drop];
  return {
    name: arrivalChain.chain,
    hook: { hook: 'prerouting', priority: arrivalChain.priority },
    rules: [
      [
        { kind: 'mark-bit', of: 'meta', bit: marks.proven, is: 'set' },
        { kind: 'change-mark', of: 'meta', bit: marks.proven, to: 'clear' },
        accept,
      ],
      // of who is proven the bridge table has dropped all of it; with br_netfilter the bridge reads a question only behind this
      [...hasOptions, ...fromUnknown],
      [hasRoutingHeader, ...fromUnknown],
      [is('meta l4proto', igmp.protocol), is('igmp type', igmp.query), ...fromUnknown],
      [is('icmpv6 type', icmpv6.mldQuery), ...fromUnknown],
      [inSet('bridges', 'iifname'), goTo('unproven')],
      [is('meta iifkind', named('bridge')), goTo('unenrolled')],
    ],
  };
}

/**
 * From a bridge that is not enrolled. One that was made while nobody looked is told by the addresses of those who were held
 * before; the rest is what `defaults.unknown-bridge` says.
 */
function unenrolled(ruleset: Ruleset): Chain {
  return {
    name: 'unenrolled',
    rules: [
      [inSet('held-sources4', 'ip saddr'), count('held'), drop],
      [inSet('held-sources6', 'ip6 saddr'), count('held'), drop],
      ...(ruleset.unknownBridges === 'allow'
        ? []
        : [[notInSet('known-bridges', 'iifname'), count('unknown-bridge'), drop]]),
    ],
  };
}

const unproven: Chain = {
  name: 'unproven',
  rules: [
    [inSet('known4', 'iif', 'ip saddr'), count('unproven'), drop],
    [inSet('known6', 'iif', 'ip6 saddr'), count('unproven'), drop],
    // a build is judged as what is on its bridge: in another's name its packets would make replies of others'
    [inSet(judgedBridgesSet, 'iifname'), inSet('places-of-builds4', 'ip saddr'), accept],
    [inSet(judgedBridgesSet, 'iifname'), inSet('places-of-builds6', 'ip6 saddr'), accept],
    [inSet(judgedBridgesSet, 'iifname'), is('ip6 saddr', 0), accept],
    [count('unproven'), drop],
  ],
};

/**
 * Replies are free: policy is about who may start a conversation. An error about one is no reply of it (IP_CT_RELATED): conntrack
 * asks only that it goes to who is in it (net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_inet_error), not that it comes from there.
 */
function replies(marks: Marks): readonly Rule[] {
  const isReply = is('ct direction', 1);
  return [
    [isReply, { kind: 'ct-state', states: ['established'] }, isNotDoubtful(marks), accept],
    ...families.map((family): Rule => [isReply, { kind: 'ct-state', states: ['related'] }, jump(errorsChain(family))]),
  ];
}

function isNotDoubtful({ doubtful }: Marks): Statement {
  return { kind: 'mark-bit', of: 'ct', bit: doubtful, is: 'clear' };
}

function forward(marks: Marks): Chain {
  const isNew: Statement = { kind: 'ct-state', states: ['new'] };
  return {
    name: 'forward',
    hook: { hook: 'forward', priority: priorities.judge },
    rules: [
      ...replies(marks),
      // somebody who speaks in a name that the host finds elsewhere, be it only to a neighbour, and be it that of his own address:
      // what is sent to the one who really has it is no reply
      [isNew, is('meta iifkind', named('bridge')), { kind: 'reverse-path', is: 'missing' }, doubt(marks)],
      [vmap('forward4', 'iif', 'ip saddr')],
      // hop limit 255: it was never routed, so it stays on its bridge
      [is('icmpv6 type', ...neighbourDiscovery), is('ip6 hoplimit', 255), inSet('bridges', 'iifname'), accept],
      ...linkLocalDoubts(marks),
      [vmap('forward6', 'iif', 'ip6 saddr')],
      [inSet('bridges', 'iifname'), goTo('unknown-forward')],
      [inSet('bridges', 'oifname'), isNew, jump('inbound')],
    ],
  };
}

function doubt({ doubtful }: Marks): Statement {
  return { kind: 'change-mark', of: 'ct', bit: doubtful, to: 'set' };
}

/**
 * Link-local addresses are one per link (RFC 4291 section 2.5.6), and conntrack's tuple knows no link: what is said between
 * them on one bridge would make what a container sends on another one a reply. So in such a conversation each side needs its
 * own permission, wherever it began (docs/decisions/0018-link-local.md). What the host says in it is not ours to judge.
 */
function linkLocalDoubts(marks: Marks): readonly Rule[] {
  const isNew: Statement = { kind: 'ct-state', states: ['new'] };
  return (['ip6 saddr', 'ip6 daddr'] as const).map((field) => [is(field, linkLocal), isNew, doubt(marks)]);
}

const linkLocal = linkLocal6Set.v6.map(({ low, high }) => range(low, high))[0] as KeyPart;

/**
 * A conversation towards containers that conntrack meets for the first time. What may begin there is left alone; what
 * looks picked up in the middle, or made up, is marked, so that the container's side of it is judged like its own.
 */
function inbound(marks: Marks): Chain {
  return {
    name: 'inbound',
    rules: [
      [{ kind: 'ct-status', status: 'dnat' }, back],
      [is('meta l4proto', 1, 58), back],
      [{ kind: 'tcp-syn' }, back],
      // the middle of a TCP connection is doubtful on a published port, too: the container may have begun it from there
      [is('meta l4proto', 6), doubt(marks)],
      [inSet('published4', 'ip daddr', 'meta l4proto', 'th dport'), back],
      [inSet('published6', 'ip6 daddr', 'meta l4proto', 'th dport'), back],
      [doubt(marks)],
    ],
  };
}

function input(marks: Marks): Chain {
  return {
    name: 'input',
    hook: { hook: 'input', priority: priorities.judge },
    rules: [
      ...linkLocalDoubts(marks),
      [notInSet('bridges', 'iifname'), accept],
      ...replies(marks),
      [vmap('host4', 'iif', 'ip saddr')],
      [is('icmpv6 type', ...neighbourDiscovery, routerSolicit), is('ip6 hoplimit', 255), accept],
      [is('icmpv6 type', ...mldListener), accept],
      [vmap('host6', 'iif', 'ip6 saddr')],
      [goTo('unknown-host')],
    ],
  };
}

const unknownChains: readonly Chain[] = planes.map((plane) => ({
  name: `unknown-${plane}`,
  rules: [
    // a known container that has no address yet: what it may do has passed by now
    [is('ip saddr', 0), count('unknown-source'), drop],
    [is('ip6 saddr', 0), count('unknown-source'), drop],
    ...families.map(
      (family): Rule => [is('meta nfproto', family === 4 ? 2 : 10), vmap(`unknown-${plane}${family}`, 'iifname')],
    ),
    [count('unknown-source'), drop],
  ],
}));

/**
 * ICMP and ICMPv6 errors (RFC 792, RFC 4443) pass where they are about a conversation that is going on and quote what was sent to
 * the very sender: path MTU discovery needs them. Only what was allowed has an entry in conntrack; what no longer is has lost it,
 * or is marked where it is kept (src/enforce/enforce.ts, cutForbidden). Of a doubtful one nobody knows who began it: in whose name
 * it is, to that one they would be what is denied.
 */
function errors(family: Family, marks: Marks): Chain {
  const error = family === 4 ? is('icmp type', 3, 11, 12) : is('icmpv6 type', 1, 2, 3, 4);
  const isFree: Statement = { kind: 'mark-bit', of: 'ct', bit: marks.doubtful | marks.forbidden, is: 'clear' };
  const own =
    family === 4
      ? inSet('quoting4', 'iif', 'ip saddr', 'quoted ip daddr')
      : inSet('quoting6', 'iif', 'ip6 saddr', 'quoted ip6 daddr');
  return {
    name: errorsChain(family),
    rules: [[{ kind: 'ct-state', states: ['related'] }, isFree, error, own, accept]],
  };
}

/** How a denied packet is told so. */
function refuse(ruleset: Ruleset): Chain {
  const told: readonly Rule[] = [
    // a reset for a packet that belongs to no conversation would go to whoever is at the other end of a real one
    [{ kind: 'ct-state', states: ['invalid', 'untracked'] }, drop],
    // with br_netfilter on, an answer to a packet after DNAT carries the wrong source: better none
    [{ kind: 'ct-status', status: 'dnat' }, drop],
    [{ kind: 'tcp-syn' }, { kind: 'reject', with: 'tcp-reset' }],
    // the middle of a connection that conntrack does not know: it may be one from outside that lost its entry, which the
    // other end's next packet gives back; a reset would end it
    [is('meta l4proto', 6), { kind: 'ct-state', states: ['new'] }, drop],
    [is('meta l4proto', 6), { kind: 'reject', with: 'tcp-reset' }],
    [{ kind: 'reject', with: 'admin-prohibited' }],
  ];
  return { name: 'refuse', rules: ruleset.denied === 'drop' ? [[drop]] : told };
}
