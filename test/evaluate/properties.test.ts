import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coverage } from '../../src/evaluate/coverage.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import type { Outcome, Packet } from '../../src/evaluate/verdict.ts';
import { setIncludes } from '../../src/ip/address-set.ts';
import type { Box } from '../../src/ip/box.ts';
import { builtinGroups } from '../../src/policy/model.ts';
import { compile } from '../../src/ruleset/compile.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import type { Container, World } from '../../src/world/world.ts';
import { arbitraryCase, type Case, caseTime, readDocument, sampleCases } from '../generate/cases.ts';
import { type BlockDocument, type PolicyDocument, policyDocument } from '../generate/documents.ts';
import { type EntryDocument, entryDocument, whoKinds } from '../generate/entries.ts';
import { oracle } from './oracle.ts';

const judged = (ruleset: Ruleset, packet: Packet): Outcome => evaluate(ruleset, packet, caseTime).outcome;

/** The same sender in another ruleset; undefined where it is not held there. */
const again = (ruleset: Ruleset, { from, ...rest }: Packet): Packet | undefined => {
  const endpoint = ruleset.endpoints.find(
    ({ container, bridge }) => container.id === from.container.id && bridge.name === from.bridge.name,
  );
  return endpoint === undefined ? undefined : { ...rest, from: endpoint };
};

const show = ({ from, to, protocol, port }: Packet) =>
  `${from.container.name} → ${to.family} ${to.value.toString(16)} ${protocol}:${port}`;

describe('generated cases', () => {
  const cases = sampleCases(20261123, 400, 20);
  const outcomes = cases.flatMap(({ ruleset, packets }) => packets.map((packet) => judged(ruleset, packet)));
  const share = (outcome: Outcome) => outcomes.filter((one) => one === outcome).length / outcomes.length;

  test('are a third allowed and a third denied', () => {
    expect(outcomes.length).toBeGreaterThan(5000);
    expect(share('allowed')).toBeGreaterThan(1 / 3);
    expect(share('denied')).toBeGreaterThan(1 / 3);
    expect(share('audited')).toBeGreaterThan(0.02);
  });

  test('have every kind of WHO but DNS names, in allow and in deny', () => {
    const kinds = (
      list: (
        program: Case['policy']['projects'][number],
      ) => readonly { who: readonly { kind: string; group?: string }[] }[],
    ) =>
      new Set(
        cases.flatMap(({ policy }) =>
          [
            ...policy.projects,
            ...policy.projects.flatMap(({ services }) => services as unknown as typeof policy.projects),
          ].flatMap((block) => list(block).flatMap(({ who }) => who.map(({ kind, group }) => group ?? kind))),
        ),
      );
    const wanted = ['prefix', 'service', 'workload', 'container', 'network', 'group', ...builtinGroups];
    const allowed = kinds(({ allow }) =>
      (allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : [])),
    );
    expect([...wanted, 'any'].filter((kind) => !allowed.has(kind))).toEqual([]);
    const denied = kinds(({ deny }) => deny ?? []);
    expect(wanted.filter((kind) => !denied.has(kind))).toEqual([]);
  });

  test('have packets that a guardrail denies, and packets that an exception lets on', () => {
    const first = cases.flatMap(({ ruleset, packets }) =>
      packets.flatMap((packet) => evaluate(ruleset, packet, caseTime).steps.slice(0, 1)),
    );
    const guarded = first.filter((step) => step.kind === 'guardrail');
    expect(guarded.filter(({ exception }) => exception === null).length).toBeGreaterThan(100);
    expect(guarded.filter(({ exception }) => exception !== null).length).toBeGreaterThan(50);
  });

  test('have packets to published ports of every verdict', () => {
    const published = cases.flatMap(({ ruleset, packets, world }) =>
      packets
        .filter(
          ({ to, port }) =>
            setIncludes(ruleset.hostAddresses, to) &&
            world.containers.some((one) => one.published.some(({ hostPort }) => hostPort === port)),
        )
        .map((packet) => judged(ruleset, packet)),
    );
    for (const outcome of ['allowed', 'denied'])
      expect(published.filter((one) => one === outcome).length).toBeGreaterThan(30);
  });

  test('have every protocol, mode and standing', () => {
    const programs = cases.flatMap(({ ruleset }) => ruleset.programs);
    expect(new Set(programs.map(({ mode }) => mode))).toEqual(new Set(['enforce', 'audit', 'off']));
    expect(new Set(programs.map(({ standing }) => standing))).toEqual(
      new Set(['named', 'unmanaged', 'build', 'refused']),
    );
    const protocols = new Set<string | number>(
      programs.flatMap(({ allow }) =>
        allow.flatMap(({ l4 }): (string | number)[] => (l4 === 'any' ? ['any'] : l4.map(({ protocol }) => protocol))),
      ),
    );
    for (const protocol of ['any', 'icmp', 6, 17, 132, 47, 50, 1, 58, 255]) expect([...protocols]).toContain(protocol);
  });
});

test('compile and evaluate agree with the language read literally', () => {
  const labelled = ({ labels }: Container) => [...labels.keys()].some((key) => key.startsWith('sluice.'));
  let compared = 0;
  fc.assert(
    fc.property(arbitraryCase(40), ({ policy, world, ruleset, packets }) => {
      const plain = new Set(world.containers.filter((container) => !labelled(container)).map(({ id }) => id));
      for (const packet of packets.filter(({ from }) => plain.has(from.container.id))) {
        compared++;
        expect(`${show(packet)} ${judged(ruleset, packet)}`).toBe(
          `${show(packet)} ${oracle(policy, world, packet, caseTime)}`,
        );
      }
    }),
    { numRuns: 300, seed: 42 },
  );
  expect(compared).toBeGreaterThan(5000);
});

test('coverage of a region is what evaluate says of its packets', () => {
  const holds = (boxes: readonly Box[], { to, protocol, port }: Packet) =>
    boxes.filter(
      (box) =>
        box.family === to.family &&
        box.addresses.low <= to.value &&
        to.value <= box.addresses.high &&
        box.protocols.low <= protocol &&
        protocol <= box.protocols.high &&
        box.ports.low <= port &&
        port <= box.ports.high,
    ).length;
  const point = ({ to, protocol, port }: Packet, around: bigint): Box => ({
    family: to.family,
    addresses: {
      low: to.value > around ? to.value - around : 0n,
      high: to.value + around > 0xffff_ffffn && to.family === 4 ? 0xffff_ffffn : to.value + around,
    },
    protocols: { low: Math.max(0, protocol - 1), high: Math.min(255, protocol + 1) },
    ports: { low: Math.max(0, port - 1), high: Math.min(65535, port + 1) },
  });
  fc.assert(
    fc.property(arbitraryCase(10), ({ ruleset, packets }) => {
      const region = packets.map((packet) => point(packet, 300n));
      for (const program of ruleset.programs) {
        const covered = coverage(ruleset, program, region, caseTime);
        for (const packet of packets) {
          const outcome = judged(ruleset, { ...packet, from: { ...packet.from, program: program.id } });
          for (const list of ['allowed', 'denied', 'audited'] as const)
            expect(`${list} ${holds(covered[list], packet)}`).toBe(`${list} ${list === outcome ? 1 : 0}`);
        }
      }
    }),
    { numRuns: 150, seed: 43 },
  );
});

/** Everything but where it was written. */
const meaning = (ruleset: Ruleset): unknown =>
  JSON.parse(
    JSON.stringify(ruleset, (key, value) =>
      key === 'source' || key === 'otherwise' ? undefined : typeof value === 'bigint' ? String(value) : value,
    ),
  );

const shuffled = <Item>(items: readonly Item[]): fc.Arbitrary<Item[]> =>
  fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length });

const shuffledWorld = (world: World): fc.Arbitrary<World> =>
  fc
    .record({
      networks: shuffled(world.networks),
      containers: fc
        .tuple(
          ...world.containers.map((container) =>
            fc
              .record({
                endpoints: shuffled(container.endpoints),
                published: shuffled(container.published),
                resolvers: shuffled(container.resolvers),
              })
              .map((lists) => ({ ...container, ...lists })),
          ),
        )
        .chain(shuffled),
      addresses: shuffled(world.host.addresses),
    })
    .map(({ networks, containers, addresses }) => ({
      ...world,
      networks,
      containers,
      host: { ...world.host, addresses },
    }));

/** Keys and entries in another order, all the way down to the entries themselves. */
function shuffledDocument(value: unknown, depth = 0): fc.Arbitrary<unknown> {
  if (Array.isArray(value))
    return shuffled(value).chain((items) =>
      fc.tuple(...items.map((item) => (isEntry(item) ? fc.constant(item) : shuffledDocument(item, depth + 1)))),
    );
  if (typeof value !== 'object' || value === null || isEntry(value)) return fc.constant(value);
  return shuffled(Object.entries(value)).chain((entries) =>
    fc
      .tuple(...entries.map(([key, one]) => shuffledDocument(one, depth + 1).map((its) => [key, its] as const)))
      .map(Object.fromEntries),
  );
}
const isEntry = (value: unknown) => typeof value === 'object' && value !== null && 'to' in value && !('from' in value);

test('the order of entries, keys, containers and networks changes nothing', () => {
  fc.assert(
    fc.property(
      arbitraryCase(0).chain((one) =>
        fc.tuple(
          fc.constant(one),
          shuffledDocument(one.document) as fc.Arbitrary<PolicyDocument>,
          shuffledWorld(one.world),
        ),
      ),
      ([{ ruleset }, document, world]) => {
        expect(meaning(compile(readDocument(document), world, caseTime).ruleset)).toEqual(meaning(ruleset));
      },
    ),
    { numRuns: 150, seed: 44 },
  );
});

const rank: Readonly<Record<Outcome, number>> = { denied: 0, audited: 1, allowed: 2 };

/** Every allow list of a document that has entries, with a way to add one. */
function withAdded(document: PolicyDocument, entry: EntryDocument): readonly PolicyDocument[] {
  const added = (block: BlockDocument): BlockDocument[] =>
    Array.isArray(block.allow) ? [{ ...block, allow: [...block.allow, entry] }] : [];
  const projects = Object.entries(document.projects ?? {});
  return [
    ...projects.flatMap(([name, block]) =>
      added(block).map((its) => ({ ...document, projects: { ...document.projects, [name]: { ...block, ...its } } })),
    ),
    ...projects.flatMap(([name, block]) =>
      Object.entries(block.services ?? {}).flatMap(([service, its]) =>
        added(its).map((one) => ({
          ...document,
          projects: { ...document.projects, [name]: { ...block, services: { ...block.services, [service]: one } } },
        })),
      ),
    ),
    ...Object.entries(document.containers ?? {}).flatMap(([name, block]) =>
      added(block).map((one) => ({ ...document, containers: { ...document.containers, [name]: one } })),
    ),
  ];
}

test('adding an entry to an allow list never denies anything', () => {
  const entry = entryDocument({ kinds: whoKinds.filter((kind) => kind !== 'service'), groups: [] });
  fc.assert(
    fc.property(arbitraryCase(30), entry, ({ document, world, ruleset, packets }, one) => {
      for (const wider of withAdded(document, one).slice(0, 4)) {
        const after = compile(readDocument(wider), world, caseTime).ruleset;
        for (const packet of packets) {
          const same = again(after, packet);
          if (same === undefined) throw new Error(`${show(packet)}: no longer held`);
          expect(rank[judged(after, same)], show(packet)).toBeGreaterThanOrEqual(rank[judged(ruleset, packet)]);
        }
      }
    }),
    { numRuns: 100, seed: 45 },
  );
});

test('a guardrail never opens anything, whatever is excepted from it', () => {
  let compared = 0;
  fc.assert(
    fc.property(arbitraryCase(30), policyDocument, ({ document, world, packets }, { guardrails, groups }) => {
      if (guardrails === undefined) return;
      const { guardrails: _, ...without } = document;
      const before = compile(readDocument(without), world, caseTime).ruleset;
      const after = compile(
        readDocument({ ...without, guardrails, groups: { ...groups, ...document.groups } }),
        world,
        caseTime,
      ).ruleset;
      for (const packet of packets) {
        const was = again(before, packet);
        const is = again(after, packet);
        if (was === undefined || is === undefined) continue;
        compared++;
        expect(rank[judged(after, is)], show(packet)).toBeLessThanOrEqual(rank[judged(before, was)]);
      }
    }),
    { numRuns: 300, seed: 46 },
  );
  expect(compared).toBeGreaterThan(1000);
});
