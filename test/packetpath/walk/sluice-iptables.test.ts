import { describe, expect, test } from 'vitest';
import { programsOf } from '../../../src/cli/path/program.ts';
import { evaluate } from '../../../src/evaluate/evaluate.ts';
import type { Packet, Verdict } from '../../../src/evaluate/verdict.ts';
import { formatAddress } from '../../../src/ip/address.ts';
import { setIncludes } from '../../../src/ip/address-set.ts';
import { prefixOf } from '../../../src/ip/prefix.ts';
import { linkLocal6Set, multicastSet } from '../../../src/ip/registry.ts';
import { NotHeldError } from '../../../src/iptables/errors.ts';
import { withGeneration } from '../../../src/iptables/names.ts';
import { renderXtables } from '../../../src/iptables/render.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import { parseMac } from '../../../src/packetpath/read/values.ts';
import { firstPacket } from '../../../src/packetpath/walk/ask.ts';
import { surroundingsOfWorld } from '../../../src/packetpath/walk/of-world.ts';
import { exactly, spanOf } from '../../../src/packetpath/walk/packet.ts';
import type { Walked } from '../../../src/packetpath/walk/result.ts';
import {
  isBroadcast,
  isLoopback,
  isOwn,
  routeTo,
  type Surroundings,
} from '../../../src/packetpath/walk/surroundings.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import type { World } from '../../../src/world/world.ts';
import { sourceTowards } from '../../agreement/aimed.ts';
import { generated, golden, type Scenario } from '../../agreement/subjects.ts';
import { facts } from '../../iptables/facts.ts';
import { savedText } from './saved.ts';

/**
 * What `explain --path` reads and walks, against the evaluator: the listings are those of the commands that save what
 * Sluice makes with iptables. `SLUICE_CAMPAIGN=full` asks for ten times as many.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_126);
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 200 : 30;

interface Count {
  asked: number;
  readonly verdicts: Map<string, number>;
  readonly disagreements: string[];
}

/** @param spoil what somebody does to what stands: then whatever is denied is to be stopped, and no more is asked */
function compare(scenarios: readonly Scenario[], spoil?: (text: string) => string): Count {
  const count: Count = { asked: 0, verdicts: new Map(), disagreements: [] };
  for (const scenario of scenarios) {
    const { ruleset, world, now, packets, name } = scenario;
    const saved = savedText(renderXtables(ruleset, facts), (set) => withGeneration(set, 0));
    const listing = readListing(spoil?.(saved) ?? saved);
    if (listing.unread.length > 0) count.disagreements.push(`${name}: ${JSON.stringify(listing.unread[0])}`);
    const surroundings = wholeHost(world);
    const programOf = programsOf(listing, null);
    for (const packet of packets) {
      const asked = askedFor(packet, scenario, surroundings);
      if (asked === undefined) continue;
      const verdict = evaluate(ruleset, packet, now);
      const walked = walkPacket(listing, surroundings, asked);
      const programs = new Set(walked.outcomes.map(programOf));
      const [wanted, got] = [wantedOf(verdict), walked.verdict];
      count.asked++;
      count.verdicts.set(got, (count.verdicts.get(got) ?? 0) + 1);
      if (spoil !== undefined && (wanted === 'accepted' || got === 'dropped' || got === 'rejected')) continue;
      const isSame = spoil === undefined && (got === wanted || (got === 'depends' && isByTheClock(walked)));
      const program = [...programs].filter((one) => one !== null);
      const isProgram = program.length === 0 ? wanted === 'accepted' : program.join() === packet.from.program;
      if (isSame && isProgram) continue;
      count.disagreements.push(
        `${name}: ${packet.from.workload} on ${packet.from.bridge.name} to ${formatAddress(packet.to)} port ${packet.port} protocol ${packet.protocol}: ${wanted} by ${packet.from.program}, walk: ${got} by ${program.join()} ${walked.outcomes.map(({ by, assumptions }) => `${by.kind === 'rule' ? `${by.at.table.name} ${by.at.rule.text}` : JSON.stringify(by.kind)} ${assumptions.map(({ text }) => text).join(' & ')}`).join(' | ')}`,
      );
    }
  }
  return count;
}

/** All interfaces and routes of the host, with br_netfilter as Sluice has it on its bridges. */
function wholeHost(world: World): Surroundings {
  const known = surroundingsOfWorld(world);
  const everywhere = (['0.0.0.0/0', '::/0'] as const).map((text) => ({
    to: prefixOf(text),
    interface: 'eth0',
    source: null,
  }));
  return {
    ...known,
    interfaces: known.interfaces.map((one) =>
      one.kind === 'bridge' ? { ...one, brNetfilter: { 4: true, 6: true } } : one,
    ),
    routes: [...known.routes, ...everywhere],
    forwarding: { 4: true, 6: true },
    complete: true,
  };
}

/** undefined: what the walk does not follow (groups, link-local addresses, which each bridge has its own of), or what the world and its host's addresses say differently of. */
function askedFor(packet: Packet, { ruleset }: Scenario, surroundings: Surroundings) {
  const { from, to, protocol, port } = packet;
  const source = sourceTowards(from, to);
  const [span, { family }] = [spanOf(to), to];
  const isGroup = setIncludes(multicastSet, to) || isBroadcast(span, family, surroundings);
  const isHost = setIncludes(ruleset.hostAddresses, to);
  if (source === undefined || isGroup || isLoopback(span, family) || setIncludes(linkLocal6Set, to)) return undefined;
  if (isHost !== (isOwn(span, family, surroundings) === 'yes')) return undefined;
  // a neighbour that is not there gets nothing, whatever a policy says
  const isThere = surroundings.seats?.some(({ address }) => address.family === family && address.value === to.value);
  const route = routeTo(span, family, surroundings);
  if (route.kind === 'out' && route.by.kind === 'name' && route.by.name !== 'eth0' && isThere !== true)
    return undefined;
  return firstPacket({
    from: { in: { kind: 'name', name: from.bridge.name }, port: { kind: 'name', name: from.port.name } },
    family,
    mac: parseMac(from.mac) ?? null,
    source: spanOf(source),
    destination: span,
    protocol,
    port: exactly(port),
  });
}

function wantedOf({ outcome, refusal }: Verdict): Walked['verdict'] {
  if (outcome !== 'denied') return 'accepted';
  return refusal === 'silence' ? 'dropped' : 'rejected';
}

/** What a permission's end parts is not asked of the clock. */
function isByTheClock({ outcomes }: Walked): boolean {
  const texts = outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text));
  return texts.length > 0 && texts.every((text) => /^(not: )?-m time --datestop /.test(text));
}

const isHeld = ({ ruleset }: Scenario): boolean => {
  try {
    renderXtables(ruleset, facts);
    return true;
  } catch (error) {
    if (error instanceof NotHeldError) return false;
    throw error;
  }
};

describe('through what Sluice makes with iptables', { timeout: 120_000 }, () => {
  test('the walk says of every packet of the golden folders what the evaluator says', () => {
    const { asked, verdicts, disagreements } = compare(golden(30));
    expect(disagreements.slice(0, 5)).toEqual([]);
    expect(asked).toBeGreaterThan(300);
    for (const verdict of ['accepted', 'rejected', 'dropped'])
      expect(verdicts.get(verdict), verdict).toBeGreaterThan(5);
  });

  test.each(['raw', 'mangle', 'filter'])('what is denied is stopped where somebody has emptied all of %s', (table) => {
    const emptied = (text: string) =>
      text.replaceAll(new RegExp(`^\\*${table}$[^]*?^COMMIT$`, 'gm'), (found) =>
        found
          .split('\n')
          .filter((line) => !line.startsWith('-A '))
          .join('\n'),
      );
    const { asked, disagreements } = compare(golden(30), emptied);
    expect(disagreements.slice(0, 5)).toEqual([]);
    expect(asked).toBeGreaterThan(300);
  });

  test(`and of generated policies and worlds (seed ${seed})`, () => {
    const { asked, verdicts, disagreements } = compare(generated(seed, size, 8).filter(isHeld));
    expect(disagreements.slice(0, 5)).toEqual([]);
    expect(asked).toBeGreaterThan(120);
    for (const verdict of ['accepted', 'rejected', 'dropped'])
      expect(verdicts.get(verdict), verdict).toBeGreaterThan(5);
  });
});
