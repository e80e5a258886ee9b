import { beforeAll, describe, expect, test } from 'vitest';
import { evaluate, targetOf } from '../../src/evaluate/evaluate.ts';
import type { Packet } from '../../src/evaluate/verdict.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { setIncludes, setOfAddresses, setOfPrefixes, unionSets } from '../../src/ip/address-set.ts';
import { linkLocal6Set } from '../../src/ip/registry.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { makePlan } from '../../src/static/make-plan.ts';
import type { StaticPlan } from '../../src/static/plan.ts';
import type { World } from '../../src/world/world.ts';
import { generated, golden, instants, type Scenario } from '../agreement/subjects.ts';
import { walk } from './walk.ts';

/** Static rules against the evaluator: they never let pass what it denies, and where they deny more they say so. */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_125);
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 1_000 : 50;

/** What says that more is denied than the policy asks for. */
const saysMore = /what all of them may|left out for|denied to everybody|so all of them are denied/;

interface Outcome {
  readonly asked: number;
  readonly allowed: number;
  readonly looser: readonly string[];
  readonly unsaid: readonly string[];
  readonly stricter: number;
}

/** Gives every second container the addresses it has for good. */
function withFixed(world: World): World {
  return {
    ...world,
    containers: world.containers.map((container, at) =>
      at % 2 === 0
        ? container
        : {
            ...container,
            endpoints: container.endpoints.map((endpoint) => ({ ...endpoint, fixed: endpoint.addresses })),
          },
    ),
  };
}

function compare(scenarios: readonly Scenario[], worldOf: (world: World) => World): Outcome {
  let [asked, allowed, stricter] = [0, 0, 0];
  const looser: string[] = [];
  const unsaid: string[] = [];
  for (const scenario of scenarios) {
    const world = worldOf(scenario.world);
    const { ruleset } = compile(scenario.policy, world, scenario.now);
    const plan = makePlan(scenario.policy, world, [], scenario.now);
    const isVacant = vacancies(world);
    for (const now of instants({ ruleset, now: scenario.now }))
      for (const packet of scenario.packets) {
        const judged = judge(plan, ruleset, packet, now);
        if (judged === null || isVacant(packet)) continue;
        asked += 1;
        const about = `${scenario.name}: ${packet.from.container.name} to ${formatAddress(packet.to)} ${packet.protocol}:${packet.port}`;
        if (judged.static === 'allow') allowed += 1;
        if (judged.static === 'allow' && judged.outcome === 'denied') looser.push(about);
        if (judged.static === 'deny' && judged.outcome !== 'denied') {
          stricter += 1;
          if (!judged.notes.some((text) => saysMore.test(text))) unsaid.push(about);
        }
      }
  }
  return { asked, allowed, looser, unsaid, stricter };
}

/** Addresses of a network's subnets that nobody has: of a whole network's permission static rules cannot leave them out. */
function vacancies(world: World): (packet: Packet) => boolean {
  const space = unionSets(linkLocal6Set, setOfPrefixes(world.networks.flatMap(({ subnets }) => subnets)));
  const taken = setOfAddresses([
    ...world.containers.flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses)),
    ...world.networks.flatMap(({ gateways }) => gateways),
  ]);
  return ({ to }) => setIncludes(space, to) && !setIncludes(taken, to);
}

function judge(plan: StaticPlan, ruleset: Ruleset, packet: Packet, now: number) {
  const from = ruleset.endpoints.find(
    ({ container, bridge }) => container.id === packet.from.container.id && bridge.name === packet.from.bridge.name,
  );
  const source = from?.addresses.find(
    (address) => address.family === packet.to.family && !setIncludes(linkLocal6Set, address),
  );
  if (from === undefined || source === undefined) return null;
  const { outcome } = evaluate(ruleset, { ...packet, from }, now);
  const { sender, rule } = walk(plan, source, packet, targetOf(ruleset, packet).plane, now);
  if (sender !== undefined && rule === undefined) throw new Error(`${sender.title} ends without a verdict`);
  return {
    outcome,
    static: rule?.verdict ?? 'allow',
    notes: (sender?.notes ?? []).map(({ text }) => text),
  };
}

describe.each([
  { how: 'dynamic addresses', worldOf: (world: World) => world },
  { how: 'fixed addresses for every second container', worldOf: withFixed },
])('static rules, $how', ({ worldOf }) => {
  let outcome: Outcome;
  beforeAll(() => {
    outcome = compare([...golden(60), ...generated(seed, size, 20)], worldOf);
  });

  test('let nothing pass that the policy denies', () => {
    expect(outcome.asked).toBeGreaterThan(3_000);
    expect(outcome.looser).toEqual([]);
  });

  test('let pass a good part of what is asked', () => {
    expect(outcome.allowed / outcome.asked).toBeGreaterThan(0.1);
  });

  test('say so wherever they deny more', () => {
    expect(outcome.stricter).toBeGreaterThan(0);
    expect(outcome.unsaid).toEqual([]);
  });
});
