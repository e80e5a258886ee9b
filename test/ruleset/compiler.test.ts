import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../src/ruleset/compile.ts';
import { Memory } from '../../src/ruleset/memory.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped, worldSketch } from '../generate/worlds.ts';
import { now, policyOf } from './support.ts';

describe('a compiler that remembers', () => {
  test('gives what compile gives, whatever it compiled before', () => {
    fc.assert(
      fc.property(arbitraryCase(0), worldSketch, fc.nat(), ({ policy, world }, other, which) => {
        const one = world.containers[which % world.containers.length];
        const worlds = [
          world,
          withStopped(world, one?.id ?? ''),
          { ...world, containers: world.containers.filter(({ id }) => id !== one?.id) },
          buildWorld(other),
          { ...world, networks: world.networks.map((network) => ({ ...network, gateways: [] })) },
          world,
        ];
        const compiler = createCompiler(policy);
        for (const its of worlds) expect(compiler(its, caseTime)).toEqual(compile(policy, its, caseTime));
        const later = Date.UTC(2099, 5, 1);
        expect(compiler(world, later)).toEqual(compile(policy, world, later));
      }),
      { numRuns: 60 },
    );
  });

  test('gives it for one policy after the other, and for one that comes again', () => {
    fc.assert(
      fc.property(arbitraryCase(0), arbitraryCase(0), ({ policy, world }, other) => {
        const memory = new Memory();
        const compilers = [policy, other.policy].map((one) => ({ one, compiler: createCompiler(one, memory) }));
        for (const { one, compiler } of [...compilers, ...compilers])
          for (const its of [world, other.world, world])
            expect(compiler(its, caseTime)).toEqual(compile(one, its, caseTime));
      }),
      { numRuns: 40 },
    );
  });

  test('gives the same objects for workloads of which another policy says the same', () => {
    const world = buildWorld({
      networks: [{ name: 'net', subnets: ['172.20.0.0/16'], project: 'app' }],
      containers: ['web', 'db'].map((name) => ({
        name: `app-${name}-1`,
        workload: `app/${name}` as const,
        on: ['net'],
      })),
    });
    const memory = new Memory();
    const programs = (web: string) => {
      const policy = policyOf(
        `projects: { app: { allow: none, services: { db: { allow: [dns] }, web: { allow: [${web}] } } } }`,
      );
      return new Map(createCompiler(policy, memory)(world, now).ruleset.programs.map((one) => [one.id, one]));
    };
    const [before, after] = [programs('"192.0.2.1"'), programs('"192.0.2.2"')];
    expect([...before.keys()]).toEqual([...after.keys()]);
    const same = [...before].filter(([id, program]) => after.get(id) === program).map(([id]) => id);
    expect(same).toEqual([...before.keys()].filter((id) => id.includes('db')));
    expect(same.length).toBeGreaterThan(0);
  });

  test('gives the same objects for what has not changed', () => {
    fc.assert(
      fc.property(arbitraryCase(0), fc.nat(), ({ policy, world }, which) => {
        const newcomer = world.containers[which % world.containers.length];
        fc.pre(newcomer !== undefined && newcomer.published.length === 0);
        const compiler = createCompiler(policy);
        const before = compiler(withStopped(world, newcomer.id), caseTime).ruleset;
        const after = compiler(world, caseTime).ruleset;
        const old = new Set<unknown>([...before.programs, ...before.seats, ...before.endpoints]);
        expect([...after.programs, ...after.seats].filter((one) => !old.has(one))).toEqual([]);
        expect(after.endpoints.filter((one) => !old.has(one)).map(({ container }) => container.id)).toEqual(
          after.endpoints.filter(({ container }) => container.id === newcomer.id).map(({ container }) => container.id),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('knows again the groups of a container that another policy in its namespace kept down', () => {
    const policy = policyOf('projects: { app: { allow: [project/shop], services: { job: { allow: none } } } }');
    const world = (job: boolean): World =>
      buildWorld({
        networks: [{ name: 'net', subnets: ['172.20.0.0/16'], project: 'app' }],
        containers: [
          { name: 'app-vpn-1', workload: 'app/vpn', on: ['net'] },
          ...(job ? [{ name: 'app-job-1', workload: 'app/job', mode: 'container:app-vpn-1' } as const] : []),
        ],
      });
    const compiler = createCompiler(policy);
    for (const job of [true, true, false, true, false])
      expect(compiler(world(job), now)).toEqual(compile(policy, world(job), now));
  });
});
