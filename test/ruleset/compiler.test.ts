import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, createCompiler } from '../../src/ruleset/compile.ts';
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
