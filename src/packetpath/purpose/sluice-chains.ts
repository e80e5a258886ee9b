import { Names } from '../../iptables/names.ts';
import type { Table } from '../model.ts';
import type { Whose } from './whose.ts';

/** In tables of nftables and of iptables alike. */
const unknownSenders = {
  'unknown-forward': 'what becomes of what nobody known sends to others: by the network it comes from',
  'unknown-host': 'what becomes of what nobody known sends to the host: by the network it comes from',
  errors4: 'lets errors about own conversations pass, which path MTU discovery needs',
  errors6: 'lets errors about own conversations pass, which path MTU discovery needs',
} as const;
const unenrolled = 'stops what belongs to a held project and comes from a bridge that is not held yet';
const unproven = "stops whatever is not proven to be its sender's";
const inbound = 'marks conversations from outside that look picked up in the middle, or made up';
const arrival = 'stops what comes from a held bridge without proof of its sender';
const toOthers = "judges what containers send to other networks and to their neighbours, by the sender's policy";
const toHost = "judges what containers send to the host itself, by the sender's policy";

/** Chains that are there once, whoever sends: those of iptables under `ip`, those of ebtables under `frames`. */
const fixed: Readonly<Record<'inet' | 'bridge' | 'ip' | 'frames', Readonly<Record<string, string>>>> = {
  inet: {
    'before-defrag': "stops fragments that are not their sender's, before any are put together",
    prerouting: arrival,
    unenrolled,
    unproven,
    forward: toOthers,
    input: toHost,
    inbound,
    refuse: 'refuses what was denied, and tells the sender',
    ...unknownSenders,
    before: 'the last line: tells what comes from a held bridge without proof',
    behind: 'the last line: stops what the chain in between should have met, as when all rules were flushed',
  },
  bridge: {
    prerouting: "proves that a frame is its sender's",
    output: "lets what the host sends to a held container's port by only if it is for that one",
    'to-known': "lets what the host sends to a held container's port by only if it is for that one",
    proven4: 'lets IPv4 pass that has its sender’s port, MAC and address',
    proven6: 'lets IPv6 pass that has its sender’s port, MAC and address',
    'without-address': 'lets ARP pass that is its sender’s, and what a container needs before it has an address',
    configuring: 'duplicate address detection and group membership of who has no address yet',
    forward: 'stops what neighbours send each other unjudged',
    'from-unknown': 'stops a port that nobody knows from claiming to be the host or a router, where builds may run',
    'to-unknown': 'stops what says that it goes elsewhere than to where a build may be',
    'between-neighbours': 'stops a frame to a neighbour that is not for it, or that nobody has judged',
  },
  ip: {
    'FILTER-PRE': arrival,
    'FILTER-IN': toHost,
    proof: arrival,
    arrived: 'takes the proof away, which nobody needs any more',
    unenrolled,
    unproven,
    inbound,
    'from-others': 'marks conversations that a bridge which is not held begins in the name of others',
    'from-elsewhere': 'what comes from no held network: it is looked at where it goes to one',
    ...unknownSenders,
    pass: 'marks what may pass',
    passed: 'lets pass what is marked so, and takes the mark away',
    deny: 'marks what is denied',
    refuse: 'what becomes of what was denied: it is marked, so that `filter` tells the sender, or dropped',
    tell: 'tells the sender what was denied',
  },
  frames: {
    'FILTER-POST': 'stops a frame that somebody had to judge on the way, and nobody has',
    'FILTER-LL': 'stops IP in frames to link-local groups, which the bridge hands up past all other rules',
    proven: "marks a frame as proven to be its sender's",
    bridged: 'marks a frame to a neighbour that somebody has to judge on the way',
    strangers: 'stops what ports that nobody knows send in the name of a container',
    'to-unknown': 'what goes to a port that nobody knows',
    'to-nobody': 'what a container sends to a port that nobody knows: groups, and no more',
    'to-anybody':
      'stops what a network where builds may run sends to a port that nobody knows, but for groups and builds',
    'from-anybody': "stops who claims to have the host's own address where builds may run",
  },
};

/** By which addresses, the digest does not say. */
const sentElsewhere = 'marks what was sent to some addresses before DNAT turned it elsewhere';

/** What a program has, by how the names of its chains begin; the rest is whose it is. */
const ofPrograms: Readonly<Record<string, string>> = {
  forward: 'may send to other networks and to its neighbours',
  host: 'may send to the host itself',
  'guard-forward': 'may not send to others whatever its policy allows: guardrails',
  'guard-host': 'may not send to the host whatever its policy allows: guardrails',
  dnat: 'may send to addresses of the host that DNAT turns elsewhere, such as published ports',
  'guard-dnat': 'may not send to addresses of the host that DNAT turns elsewhere: guardrails',
  sent: 'may not send to where DNAT turns it elsewhere',
  'guard-sent': 'may not send to where DNAT turns it elsewhere: guardrails',
};

/**
 * What a chain is for, and whose, of a table that Sluice fills or with a name that Sluice gives. Those of nftables say it by
 * their names; those of iptables are often called by a digest, which is compared with those of all programs and ports that
 * the table's rules speak of.
 *
 * @returns null where that is not known
 */
export function sluiceSentence(table: Table, name: string, whose: Whose): string | null {
  if (table.name === 'sluice' || table.name === 'sluice-last')
    return fixed[table.family === 'bridge' ? 'bridge' : 'inet'][name] ?? sentenceOf(name, whose);
  const meant = meanings(table).get(name);
  if (meant === undefined) return /^DOCKER-OUTBOUND-s\.[0-9a-z]{10}$/.test(name) ? sentElsewhere : null;
  return fixed[table.family === 'bridge' ? 'frames' : 'ip'][meant] ?? sentenceOf(meant, whose);
}

function sentenceOf(name: string, whose: Whose): string | null {
  const [, kind = '', family, program = ''] = /^([a-z-]+)([46])?\/(.+)$/.exec(name) ?? [];
  if (kind === 'refused') return `what becomes of what ${program} was denied`;
  if (kind === 'passed') return `what only audit mode, or \`off\`, lets pass of ${program}`;
  if (family !== undefined && Object.hasOwn(ofPrograms, kind)) return `what ${program} ${ofPrograms[kind]}`;
  const [, plane] = /^to-(forward|host)[46]/.exec(name) ?? [];
  if (plane !== undefined)
    return `leads what goes to ${plane === 'host' ? 'the host' : 'others'} to its sender's policy, by its number`;
  const [, way, port = ''] = /^(from|to)-(.+)$/.exec(name) ?? [];
  if (way === 'from') return `proves that a frame from ${whose.portText(port)} is its sender's`;
  if (way === 'to') return `lets a frame to ${whose.portText(port)} by that is for it, and must be judged on the way`;
  const [, end, start = ''] = /^ports-(in|out)-(.+)$/.exec(name) ?? [];
  if (end !== undefined)
    return `finds the port that a frame ${end === 'in' ? 'comes from' : 'goes to'}, of those that begin with ${start}`;
  return null;
}

const known = new WeakMap<Table, ReadonlyMap<string, string>>();

/** What stands behind the names of our chains in a table of iptables or ebtables. */
function meanings(table: Table): ReadonlyMap<string, string> {
  const before = known.get(table);
  if (before !== undefined) return before;
  const names = new Names();
  const found = new Map<string, string>();
  for (const meant of table.family === 'bridge' ? ofFrames(table) : ofPackets(table)) {
    if (/^[A-Za-z][A-Za-z0-9_./-]{0,255}$/.test(meant)) found.set(names.chain(meant), meant);
  }
  known.set(table, found);
  return found;
}

const textsOf = ({ chains }: Table): readonly string[] => chains.flatMap(({ rules }) => rules.map(({ text }) => text));

/** Ports, and how their names begin, as the rules ask for them. */
function ofFrames(table: Table): readonly string[] {
  const asked = textsOf(table).flatMap((text) => [...text.matchAll(/(?:^| )-([io]) ([A-Za-z0-9_-]+)(\+?)(?= |$)/g)]);
  const ports = asked.map(([, end, name = '', starts]) => {
    if (starts === '+') return `ports-${end === 'i' ? 'in' : 'out'}-${name}`;
    return `${end === 'i' ? 'from' : 'to'}-${name}`;
  });
  return [...Object.keys(fixed.frames), ...new Set(ports)];
}

/** Programs, as the counters of what they were denied name them. */
function ofPackets(table: Table): readonly string[] {
  const counters = textsOf(table).flatMap((text) => /--comment "?(?:denied|audited)\/([^" ]+)/.exec(text)?.[1] ?? []);
  const programs = [...new Set(counters)].flatMap((id) => [
    `refused/${id}`,
    `passed/${id}`,
    ...Object.keys(ofPrograms).flatMap((kind) => [`${kind}4/${id}`, `${kind}6/${id}`]),
  ]);
  const trees = table.chains.flatMap(
    ({ name }) => /^DOCKER-OUTBOUND-(to-(?:forward|host)[46].*)$/.exec(name)?.[1] ?? [],
  );
  return [...Object.keys(fixed.ip), ...trees, ...programs];
}
