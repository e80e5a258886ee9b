import { beforeAll, describe, expect, test } from 'vitest';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import { builtinGroups, type Destination, type Policy } from '../../src/policy/model.ts';
import { type Check, checkKinds, checksOf } from './checks.ts';
import { generated, golden, instants, type Scenario } from './subjects.ts';

/**
 * The rules, walked by the interpreter, against the evaluator and the promises about senders and replies.
 * `SLUICE_SEED` asks for other cases, `SLUICE_CAMPAIGN=full` for ten times as many.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_123);
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 1_500 : 150;

interface Result {
  readonly scenarios: readonly Scenario[];
  readonly firsts: readonly Check[];
  readonly counts: ReadonlyMap<string, number>;
  readonly disagreements: readonly string[];
}

function campaign(scenarios: readonly Scenario[]): Result {
  const firsts: Check[] = [];
  const counts = new Map<string, number>();
  const disagreements: string[] = [];
  for (const scenario of scenarios)
    for (const now of instants(scenario))
      for (const check of scenario.packets.flatMap((packet) => checksOf({ ...scenario, now }, packet))) {
        counts.set(check.kind, (counts.get(check.kind) ?? 0) + 1);
        if (check.kind === 'first') firsts.push(check);
        if (check.expected !== check.got)
          disagreements.push(`${scenario.name}, ${check.kind}: ${check.about}: ${check.expected}, rules: ${check.got}`);
      }
  return { scenarios, firsts, counts, disagreements };
}

test('in the golden folders, evaluator and rules agree on every packet, before and after what ends', () => {
  const result = campaign(golden(120));
  expect(result.disagreements).toEqual([]);
  expect([...result.counts.keys()].toSorted()).toEqual([...checkKinds].toSorted());
});

describe(`generated policies and worlds (seed ${seed})`, () => {
  let result: Result;
  beforeAll(() => {
    result = campaign(generated(seed, size, 20));
  });

  test('evaluator and rules agree on every packet of at least 5,000', () => {
    expect(result.disagreements).toEqual([]);
    expect(result.firsts.length).toBeGreaterThanOrEqual(5_000);
  });

  test('a third is allowed and a third is denied, and some are audited', () => {
    const share = (outcome: string) =>
      result.firsts.filter(({ verdict }) => verdict?.outcome === outcome).length / result.firsts.length;
    expect(share('allowed')).toBeGreaterThan(1 / 3);
    expect(share('denied')).toBeGreaterThan(1 / 3);
    expect(share('audited')).toBeGreaterThan(0.05);
  });

  test('every question was asked, on both planes and both families', () => {
    for (const kind of checkKinds) expect(result.counts.get(kind), kind).toBeGreaterThan(100);
    for (const plane of ['forward', 'host'] as const)
      for (const family of [4, 6]) {
        const some = result.firsts.filter(
          ({ verdict, packet }) => verdict?.plane === plane && packet.to.family === family,
        );
        expect(some.length, `${plane} ${family}`).toBeGreaterThan(100);
      }
  });

  test('every protocol was sent, allowed and denied', () => {
    for (const [name, number] of Object.entries(protocolNumbers))
      for (const outcome of ['allowed', 'denied']) {
        const some = result.firsts.filter(
          ({ packet, verdict }) => packet.protocol === number && verdict?.outcome === outcome,
        );
        expect(some.length, `${name} ${outcome}`).toBeGreaterThan(0);
      }
  });

  test('every WHO but DNS names, every mode and every default stood in some policy', () => {
    const policies = result.scenarios.map(({ policy }) => policy);
    const kinds = new Set(policies.flatMap(destinationsOf).flatMap(({ who }) => who.map(({ kind }) => kind)));
    const wanted = ['prefix', 'service', 'workload', 'container', 'network', 'builtin', 'group', 'any'];
    expect(wanted.filter((kind) => !kinds.has(kind as never))).toEqual([]);
    const groups = new Set(
      policies
        .flatMap(destinationsOf)
        .flatMap(({ who }) => who.flatMap((one) => (one.kind === 'builtin' ? [one.group] : []))),
    );
    expect(builtinGroups.filter((group) => !groups.has(group))).toEqual([]);
    const programs = result.scenarios.flatMap(({ ruleset }) => ruleset.programs);
    for (const mode of ['enforce', 'audit', 'off'])
      expect(
        programs.some((program) => program.mode === mode),
        mode,
      ).toBe(true);
    expect(new Set(policies.map(({ defaults }) => defaults.denied))).toEqual(new Set(['reject', 'drop']));
    expect(new Set(policies.map(({ defaults }) => defaults.unmanaged))).toEqual(new Set(['allow', 'audit', 'deny']));
    expect(new Set(policies.map(({ defaults }) => defaults.build))).toEqual(new Set(['allow', 'deny']));
    expect(programs.some(({ except }) => except.length > 0)).toBe(true);
  });
});

function destinationsOf({ groups, guardrails, projects, containers }: Policy): readonly Destination[] {
  const blocks = [...projects.flatMap((project) => [project, ...project.services]), ...containers];
  return [
    ...[...groups.values()].flatMap(({ members }) => members),
    ...guardrails.deny,
    ...guardrails.except.map(({ to }) => to),
    ...blocks.flatMap(({ allow, deny }) => [
      ...(allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : [])),
      ...(deny ?? []),
    ]),
  ];
}
