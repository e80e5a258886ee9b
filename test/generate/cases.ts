import fc from 'fast-check';
import type { Packet } from '../../src/evaluate/verdict.ts';
import type { Policy } from '../../src/policy/model.ts';
import { readPolicy } from '../../src/policy/read.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld, type WorldSketch } from './build.ts';
import { type PolicyDocument, policyDocument } from './documents.ts';
import { packetsFor, randomFrom } from './packets.ts';
import { worldSketch } from './worlds.ts';

/** A policy, a world, what they compile to, and packets of the world's containers. */
export interface Case {
  readonly document: PolicyDocument;
  /** The policy file's text. */
  readonly text: string;
  readonly policy: Policy;
  readonly sketch: WorldSketch;
  readonly world: World;
  readonly ruleset: Ruleset;
  readonly packets: readonly Packet[];
}

/** The instant that generated cases are compiled and judged at, milliseconds since the epoch. */
export const caseTime = Date.UTC(2026, 10, 23, 12);

export function readDocument(document: PolicyDocument): Policy {
  const text = JSON.stringify(document);
  const { policy, diagnostics } = readPolicy([{ path: 'policy.yaml', text, role: 'policy', writableByOthers: false }], {
    now: caseTime,
  });
  if (policy === null)
    throw new Error(
      `a generated policy is in error: ${diagnostics.map(({ code, message }) => `${code} ${message}`).join('; ')}\n${text}`,
    );
  return policy;
}

function caseOf(document: PolicyDocument, sketch: WorldSketch, seed: number, packets: number): Case {
  const policy = readDocument(document);
  const world = buildWorld(sketch);
  const { ruleset } = compile(policy, world, caseTime);
  return {
    document,
    text: JSON.stringify(document, null, 2),
    policy,
    sketch,
    world,
    ruleset,
    packets: packetsFor(ruleset, world, randomFrom(seed), packets),
  };
}

/** For properties: shrinks the policy and the world. */
export function arbitraryCase(packets: number): fc.Arbitrary<Case> {
  return fc
    .tuple(policyDocument, worldSketch, fc.nat())
    .map(([document, sketch, seed]) => caseOf(document, sketch, seed, packets));
}

/** For campaigns: the same cases for the same seed. */
export function sampleCases(seed: number, count: number, packets: number): readonly Case[] {
  return fc.sample(arbitraryCase(packets), { seed, numRuns: count });
}
