import { addressOf, formatAddress } from '../../../src/ip/address.ts';
import { exactly, type Packet, type Span } from '../../../src/packetpath/walk/packet.ts';
import type { Outcome, Walked } from '../../../src/packetpath/walk/result.ts';
import { contains } from '../../../src/packetpath/walk/surroundings.ts';
import type { RuleSet } from './generate.ts';
import { nodes, type Probe, type Seen } from './rig.ts';
import { type Ask, answerOf, askedOf, realAsk, receiverOf, surroundingsOf, type WalkPacket } from './subject.ts';

/** One packet that was sent through a rule set, and what became of it. */
export interface Case {
  readonly rules: RuleSet;
  readonly probe: Probe;
  readonly seen: Seen;
}

/** What the walk and the kernel say of a case; equal when they agree. */
export interface Judged {
  readonly walk: string;
  readonly kernel: string;
  /** `left-out`: the rig cannot tell, and why. */
  readonly sort: 'accepted' | 'dropped' | 'depends' | 'left-out';
}

/** Judges a case by a walker; with an answer where the kernel let the packet through. */
export function judge({ rules, probe, seen }: Case, walkPacket: WalkPacket, ask: Ask = realAsk): Judged {
  const surroundings = surroundingsOf(rules.brNetfilter);
  const asked = askedOf(probe, rules.family, ask);
  const walked = walkPacket(rules.listing, surroundings, asked);
  const [outcome] = walked.outcomes;
  if (outcome === undefined) throw new Error('a walk without an outcome');
  if (walked.verdict === 'depends') return uncertain(walked, seen);
  if (walked.verdict !== 'accepted')
    return { walk: 'stopped', kernel: seen.arrived === null ? 'stopped' : arrivedText(seen), sort: 'dropped' };
  const receiver = receiverOf(outcome);
  if (receiver === null || goesBack(outcome, probe)) return { walk: '', kernel: '', sort: 'left-out' };
  const came = `${receiver} as ${endsOf(outcome)}`;
  if (seen.arrived === null) return { walk: walkedText(came, outcome), kernel: 'stopped', sort: 'accepted' };
  const back = walkPacket(rules.listing, surroundings, answerOf(outcome, receiver, ask));
  return {
    walk: `${walkedText(came, outcome)}${answerText(back, probe, asked.packet)}`,
    kernel: `${kernelText(seen, outcome)}${backText(back, seen)}`,
    sort: 'accepted',
  };
}

function uncertain({ outcomes }: Walked, seen: Seen): Judged {
  const verdicts = new Set(
    outcomes.map(({ verdict }) => (verdict === 'accepted' || verdict === 'unknown' ? verdict : 'stopped')),
  );
  const got = seen.arrived === null ? 'stopped' : 'accepted';
  const may = verdicts.has('unknown') || verdicts.has(got) ? got : [...verdicts].join(' or ');
  return { walk: may, kernel: got, sort: 'depends' };
}

/** Whether the packet is led back to its sender, which takes no packets from itself. */
function goesBack({ packet }: Outcome, { from }: Probe): boolean {
  if (from === 'host') return false;
  const text = formatAddress(addressOf(packet.family, packet.destination.low));
  return text === nodes[from].v4 || text === nodes[from].v6;
}

function endsOf({ packet }: Outcome): string {
  const address = (value: bigint) => formatAddress(addressOf(packet.family, value));
  const port = packet.dport === null ? '' : ` ${packet.dport.low}`;
  return `${address(packet.source.low)} -> ${address(packet.destination.low)}${port}`;
}

function walkedText(came: string, { packet }: Outcome): string {
  return packet.source.low === packet.source.high ? came : came.replace(/as \S+ ->/, 'as ? ->');
}

function kernelText(seen: Seen, { packet }: Outcome): string {
  if (seen.arrived === null) return 'stopped';
  const { at, packet: got } = seen.arrived;
  const port = packet.dport === null ? '' : ` ${got.dport}`;
  const source = packet.source.low === packet.source.high ? got.src : '?';
  return `${at} as ${source} -> ${got.dst}${port}`;
}

function arrivedText({ arrived }: Seen): string {
  return arrived === null
    ? 'stopped'
    : `${arrived.at} as ${arrived.packet.src} -> ${arrived.packet.dst} ${arrived.packet.dport ?? ''}`;
}

/** Whether the answer comes back to who waits for it, and from whom that asked: to and from the same ports as well. */
function answerText({ verdict, outcomes }: Walked, { to, port }: Probe, asked: Packet): string {
  const [outcome] = outcomes;
  if (verdict === 'depends' || outcome === undefined) return ', perhaps answered';
  const { packet } = outcome;
  const matches =
    formatAddress(addressOf(packet.family, packet.source.low)) === to && isWithin(packet.sport, exactly(port));
  const gets = packet.destination.low === asked.source.low && isWithin(packet.dport, asked.sport);
  return verdict === 'accepted' && matches && gets ? ', answered' : ', not answered';
}

/** ICMP has none. */
const isWithin = (port: Span | null, wanted: Span | null) => port === null || wanted === null || contains(wanted, port);

function backText({ verdict }: Walked, { answer }: Seen): string {
  if (verdict === 'depends') return ', perhaps answered';
  return answer === 'answered' ? ', answered' : ', not answered';
}
