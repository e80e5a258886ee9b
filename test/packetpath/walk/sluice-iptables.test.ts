import { describe, expect, test } from 'vitest';
import { programsOf } from '../../../src/cli/path/program.ts';
import { evaluate } from '../../../src/evaluate/evaluate.ts';
import type { Verdict } from '../../../src/evaluate/verdict.ts';
import { formatAddress } from '../../../src/ip/address.ts';
import { withGeneration } from '../../../src/iptables/names.ts';
import { renderXtables } from '../../../src/iptables/render.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import type { Walked } from '../../../src/packetpath/walk/result.ts';
import { walkPacket } from '../../../src/packetpath/walk/walk.ts';
import { generated, golden, type Scenario } from '../../agreement/subjects.ts';
import { facts, isHeld } from '../../iptables/facts.ts';
import { askedFor, wholeHost } from './asked.ts';
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
      const asked = askedFor(packet, ruleset, surroundings);
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

function wantedOf({ outcome, refusal }: Verdict): Walked['verdict'] {
  if (outcome !== 'denied') return 'accepted';
  return refusal === 'silence' ? 'dropped' : 'rejected';
}

/** What a permission's end parts is not asked of the clock. */
function isByTheClock({ outcomes }: Walked): boolean {
  const texts = outcomes.flatMap(({ assumptions }) => assumptions.map(({ text }) => text));
  return texts.length > 0 && texts.every((text) => /^(not: )?-m time --datestop /.test(text));
}

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
    const { asked, verdicts, disagreements } = compare(
      generated(seed, size, 8).filter(({ ruleset }) => isHeld(ruleset)),
    );
    expect(disagreements.slice(0, 5)).toEqual([]);
    expect(asked).toBeGreaterThan(120);
    for (const verdict of ['accepted', 'rejected', 'dropped'])
      expect(verdicts.get(verdict), verdict).toBeGreaterThan(5);
  });
});
