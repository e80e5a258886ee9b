import type { Packet } from '../../src/evaluate/verdict.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Policy } from '../../src/policy/model.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { caseTime, sampleCases } from '../generate/cases.ts';
import { now as goldenTime, readCase, topics } from '../golden/cases.ts';
import { aimedPackets } from './aimed.ts';
import type { Subject } from './checks.ts';
import { Random } from './random.ts';

/** A policy and a world, what they compile and render to, and the packets to ask about. */
export interface Scenario extends Subject {
  /** Where to find it again. */
  readonly name: string;
  readonly policy: Policy;
  readonly packets: readonly Packet[];
}

/** Generated scenarios, the same for the same seed: half their packets anywhere, half aimed at edges. */
export function generated(seed: number, count: number, packetsEach: number): readonly Scenario[] {
  return sampleCases(seed, count, packetsEach).map(({ policy, world, ruleset, packets }, index) => ({
    name: `seed ${seed}, case ${index}`,
    policy,
    world,
    ruleset,
    tables: renderRuleset(ruleset),
    now: caseTime,
    packets: [...packets, ...aimedPackets(ruleset, world, new Random(seed * 1000 + index), packetsEach)],
  }));
}

/** The golden folders, with packets aimed at their edges. */
export function golden(packetsEach: number): readonly Scenario[] {
  return topics.map((topic, index) => {
    const { policy, world, ruleset } = readCase(topic);
    const packets = aimedPackets(ruleset, world, new Random(index), packetsEach);
    return { name: topic, policy, world, ruleset, tables: renderRuleset(ruleset), now: goldenTime, packets };
  });
}

/** The instants worth asking at: when it was compiled, and before and after each permission's end. */
export function instants({ ruleset, now }: Pick<Subject, 'ruleset' | 'now'>): readonly number[] {
  const ends = untils(ruleset).flatMap((until) => [until, until + 1]);
  return [now, ...new Set(ends)].filter((instant) => instant >= now);
}

function untils(ruleset: Ruleset): readonly number[] {
  return ruleset.programs
    .flatMap(({ guard, except, deny, allow }) => [...guard, ...except, ...deny, ...allow])
    .flatMap(({ until }) => until ?? []);
}
