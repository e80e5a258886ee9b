import { evaluate } from '../../src/evaluate/evaluate.ts';
import type { Packet, Verdict } from '../../src/evaluate/verdict.ts';
import { type Address, addressOf, formatAddress } from '../../src/ip/address.ts';
import { setIncludes } from '../../src/ip/address-set.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import { linkLocal6Set, multicastSet } from '../../src/ip/registry.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { Table } from '../../src/nftables/model.ts';
import type { IpHeader, Transport } from '../../src/nftables/packet.ts';
import type { EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';
import type { World } from '../../src/world/world.ts';
import { sourceTowards } from './aimed.ts';
import {
  freshConversation,
  isBetweenNeighbours,
  type Judged,
  judgeInbound,
  judgeSent,
  type Sent,
  uplink,
} from './path.ts';

/** A question put to the rules, what they should have said, and what they said. */
export interface Check {
  readonly kind: CheckKind;
  readonly about: string;
  readonly expected: string;
  readonly got: string;
  /** The evaluator's word where it was asked. */
  readonly verdict?: Verdict;
  /** The protocol and family of the packet. */
  readonly packet: Packet;
}

export const checkKinds = [
  'first',
  'neighbour without br_netfilter',
  'established',
  'reply',
  'doubtful reply',
  'published by DNAT',
  'forged address',
  'forged MAC',
  'unknown source',
  'inbound',
] as const;
type CheckKind = (typeof checkKinds)[number];

export interface Subject {
  readonly ruleset: Ruleset;
  readonly world: World;
  readonly tables: readonly Table[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Everything that is asked about one packet: the evaluator's verdict for it as it begins a conversation, and what
 * docs/threat-model.md promises for its replies, for senders who lie, and for what comes from outside.
 */
export function checksOf(subject: Subject, packet: Packet): readonly Check[] {
  const source = sourceTowards(packet.from, packet.to);
  if (source === undefined) return [];
  const sent = honest(packet, source);
  return [
    ...firstChecks(subject, packet, sent),
    ...conversationChecks(subject, packet, sent),
    ...publishedChecks(subject, packet, sent),
    ...forgedChecks(subject, packet, sent),
    ...unknownChecks(subject, packet, sent),
    ...inboundChecks(subject, packet),
  ];
}

const flags = { syn: 0x02, ack: 0x10 } as const;

/** The first bytes behind the IP header; ICMP is an echo request. */
function transportOf({ protocol, port }: Pick<Packet, 'protocol' | 'port'>, tcpFlags: number): Transport {
  const { tcp, udp, sctp, icmp, icmpv6 } = protocolNumbers;
  if (protocol === tcp) return { kind: 'ports', sport: 40_000, dport: port, tcpFlags };
  if (protocol === udp || protocol === sctp) return { kind: 'ports', sport: 40_000, dport: port };
  if (protocol === icmp) return { kind: 'icmp', type: 8 };
  return protocol === icmpv6 ? { kind: 'icmp', type: 128 } : { kind: 'none' };
}

const macOf = ({ mac }: EndpointIdentity): bigint => BigInt(`0x${mac.replaceAll(':', '')}`);

function honest(packet: Packet, source: Address): Sent {
  const { from, to, protocol } = packet;
  const transport = transportOf(packet, flags.syn);
  return { port: from.port, bridge: from.bridge, mac: macOf(from), source, to, protocol, transport, brNetfilter: true };
}

function described({ from, to, protocol, port }: Packet): string {
  return `${from.workload} (${from.bridge.name}, ${from.program}) to ${formatAddress(to)} port ${port} protocol ${protocol}`;
}

/** What the rules should say and count for a verdict of a program. */
function expectedOf(verdict: Verdict, program: string, refusal: string | null = verdict.refusal): string {
  if (verdict.outcome === 'allowed') return 'allowed';
  if (verdict.outcome === 'audited') return `audited, counted audited/${program}`;
  return `denied, counted denied/${program}, ${refusal}`;
}

/** What the rules said, in the same words. What a reject can do for nobody is silence (RFC 1122 3.2.2, RFC 4443 2.4 e). */
function saidOf(judged: Judged, to: Address, plane: Verdict['plane'], ruleset: Ruleset): string {
  const counted = judged.counters.map((counter) => `, counted ${counter}`).join('');
  if (judged.outcome !== 'denied') return `${judged.outcome}${counted}`;
  const isDeaf =
    setIncludes(multicastSet, to) ||
    ruleset.bridges.some(({ broadcasts }) => setIncludes(broadcasts, to)) ||
    (plane === 'forward' && setIncludes(linkLocal6Set, to));
  const refusals = { 'tcp-reset': 'reset', 'admin-prohibited': 'icmp-error' } as const;
  return `denied${counted}, ${judged.reject === null || isDeaf ? 'silence' : refusals[judged.reject]}`;
}

function firstChecks({ ruleset, tables, now }: Subject, packet: Packet, sent: Sent): readonly Check[] {
  const verdict = evaluate(ruleset, packet, now);
  const about = described(packet);
  const got = saidOf(judgeSent(tables, ruleset, sent, now), packet.to, verdict.plane, ruleset);
  const first: Check = {
    kind: 'first',
    about,
    expected: expectedOf(verdict, packet.from.program),
    got,
    verdict,
    packet,
  };
  if (!isBetweenNeighbours(ruleset, sent)) return [first];
  const without = judgeSent(tables, ruleset, { ...sent, brNetfilter: false }, now);
  const expected = 'unproven, counted unjudged';
  const unjudged = saidOf(without, packet.to, verdict.plane, ruleset);
  return [first, { kind: 'neighbour without br_netfilter', about, expected, got: unjudged, packet }];
}

/** Later packets: judged each time; as a reply free, unless conntrack picked the conversation up in the middle. */
function conversationChecks({ ruleset, tables, now }: Subject, packet: Packet, sent: Sent): readonly Check[] {
  const verdict = evaluate(ruleset, packet, now);
  const about = described(packet);
  const judged = expectedOf(verdict, packet.from.program);
  const later = { ...sent, transport: transportOf(packet, flags.ack) };
  const entry = { ...freshConversation(later), state: 'established' } as const;
  const inward = { family: sent.source.family, daddr: sent.source.value, dport: 40_000 };
  const reply = { ...entry, direction: 'reply', original: inward } as const;
  const say = (ct: typeof entry | typeof reply) =>
    saidOf(judgeSent(tables, ruleset, { ...later, ct }, now), packet.to, verdict.plane, ruleset);
  return [
    { kind: 'established', about, expected: judged, got: say(entry), packet },
    { kind: 'reply', about, expected: 'allowed', got: say({ ...reply, mark: 0x4000_0001 }), packet },
    {
      kind: 'doubtful reply',
      about,
      expected: judged,
      got: say({ ...reply, mark: defaultMarks.doubtful | 1 }),
      packet,
    },
  ];
}

/** The same packet when the engine's DNAT turns it to the container behind a published port: the verdict must not change. */
function publishedChecks({ ruleset, world, tables, now }: Subject, packet: Packet, sent: Sent): readonly Check[] {
  if (!setIncludes(ruleset.hostAddresses, packet.to)) return [];
  return world.containers.flatMap((container) =>
    container.published
      .filter(({ protocol, hostPort, hostAddress }) => {
        const isAny = hostAddress === null || (hostAddress.value === 0n && hostAddress.family === packet.to.family);
        const isThere = isAny || (hostAddress.family === packet.to.family && hostAddress.value === packet.to.value);
        return isThere && hostPort === packet.port && protocolNumbers[protocol] === packet.protocol;
      })
      .flatMap(({ containerPort }) => {
        const behind = container.endpoints.flatMap(({ addresses }) => addresses);
        const to = behind.find(({ family }) => family === packet.to.family);
        if (to === undefined) return [];
        const turned = { ...sent, turnedTo: { to, port: containerPort } };
        const verdict = evaluate(ruleset, packet, now);
        const expected = expectedOf(verdict, packet.from.program, 'silence');
        const got = saidOf(judgeSent(tables, ruleset, turned, now), packet.to, 'forward', ruleset);
        const about = `${described(packet)}, turned to ${formatAddress(to)} port ${containerPort}`;
        return [{ kind: 'published by DNAT', about, expected, got, packet, verdict } as const];
      }),
  );
}

/** Nobody passes for somebody else, in any mode, as a reply or not. */
function forgedChecks({ ruleset, tables, now }: Subject, packet: Packet, sent: Sent): readonly Check[] {
  const own = new Set(packet.from.addresses.map(formatAddress));
  const others = ruleset.endpoints.filter(({ port }) => port.index !== packet.from.port.index);
  const victims = others.filter(({ bridge }) => bridge.index === packet.from.bridge.index);
  const stolen = (victims.length > 0 ? victims : others)
    .flatMap(({ addresses }) => addresses)
    .find((address) => address.family === packet.to.family && !own.has(formatAddress(address)));
  const victimMac = victims.map(macOf).find((mac) => mac !== sent.mac);
  const ct = { ...freshConversation(sent), state: 'established', direction: 'reply' } as const;
  const lies: readonly (readonly [CheckKind, Sent])[] = [
    ...(stolen === undefined ? [] : ([['forged address', { ...sent, source: stolen }]] as const)),
    ...(stolen === undefined ? [] : ([['forged address', { ...sent, source: stolen, ct }]] as const)),
    ['forged address', { ...sent, source: addressOf(sent.source.family, sent.source.value ^ 0x4000n) }],
    ['forged MAC', { ...sent, mac: victimMac ?? sent.mac ^ 1n }],
  ];
  return lies
    .filter(([, lie]) => lie.source.value === sent.source.value || !own.has(formatAddress(lie.source)))
    .map(([kind, lie]) => {
      const got = saidOf(judgeSent(tables, ruleset, lie, now), packet.to, 'forward', ruleset);
      return { kind, about: described(packet), expected: 'unproven, counted spoofed', got, packet };
    });
}

/** A sender behind a port that nobody knows: dropped, or judged where builds are. */
function unknownChecks({ ruleset, tables, now }: Subject, packet: Packet, sent: Sent): readonly Check[] {
  const bridge = ruleset.bridges.find(({ name }) => name === packet.from.bridge.name);
  if (bridge === undefined) return [];
  const source = addressOf(sent.source.family, sent.source.value ^ 0x4000n);
  if (
    ruleset.endpoints.some(({ addresses }) =>
      addresses.some(({ family, value }) => family === source.family && value === source.value),
    )
  )
    return [];
  const port = { index: 65_000, name: 'veth-new' };
  const stranger = { ...sent, port, source, mac: 0x0242_ffff_ffffn };
  const judged = judgeSent(tables, ruleset, stranger, now);
  const about = `somebody unknown on ${bridge.name}: ${described(packet)}`;
  if (bridge.unknown.kind === 'drop') {
    const got = saidOf(judged, packet.to, 'forward', ruleset);
    return [{ kind: 'unknown source', about, expected: 'unproven, counted unproven', got, packet }];
  }
  const { program } = bridge.unknown;
  const verdict = evaluate(ruleset, { ...packet, from: { ...packet.from, program } }, now);
  const got = saidOf(judged, packet.to, verdict.plane, ruleset);
  return [{ kind: 'unknown source', about, expected: expectedOf(verdict, program), got, packet, verdict }];
}

/** From outside: passed on; what was picked up in the middle is marked, what may begin there is not. */
function inboundChecks({ ruleset, tables, now }: Subject, packet: Packet): readonly Check[] {
  const { from, protocol, port } = packet;
  const address = sourceTowards(from, packet.to);
  if (address === undefined) return [];
  const isPublished = ruleset.published.some(
    (endpoint) =>
      endpoint.address.family === address.family &&
      endpoint.address.value === address.value &&
      endpoint.protocol === protocol &&
      endpoint.port.low <= port &&
      port <= endpoint.port.high,
  );
  const { tcp, icmp, icmpv6 } = protocolNumbers;
  const isIcmp = protocol === icmp || protocol === icmpv6;
  // such addresses are one per link: what comes from elsewhere is no conversation with this one
  const isLinkLocal = [packet.to, address].some((one) => setIncludes(linkLocal6Set, one));
  const cases = [
    { tcpFlags: flags.syn, dnat: false, free: isPublished || isIcmp || protocol === tcp },
    // the middle of a TCP connection may be one that the container began from its published port
    { tcpFlags: flags.ack, dnat: false, free: (isPublished && protocol !== tcp) || isIcmp },
    { tcpFlags: flags.ack, dnat: true, free: true },
  ];
  return cases.map(({ tcpFlags, dnat, free }) => {
    const transport = transportOf(packet, tcpFlags);
    const values = { saddr: packet.to.value, daddr: address.value, hopLimit: 60 };
    const network: IpHeader = { kind: 'ip', family: address.family, ...values, protocol, transport };
    const ct = { ...freshConversation({ to: address, transport }), dnat, mark: 1 };
    const walk = judgeInbound(tables, { source: packet.to, endpoint: from, network, ct }, now);
    const mark = walk.packet.ct.kind === 'entry' ? walk.packet.ct.mark : 0;
    const about = `from ${uplink.name} to ${from.workload} port ${port} protocol ${protocol}, flags ${tcpFlags}${dnat ? ', DNAT' : ''}`;
    const expected = `accept, mark ${free && !isLinkLocal ? 1 : (defaultMarks.doubtful | 1) >>> 0}`;
    return { kind: 'inbound', about, expected, got: `${walk.verdict}, mark ${mark}`, packet } as const;
  });
}
