import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderRuleset } from '../../src/nftables/render.ts';
import type { Policy } from '../../src/policy/model.ts';
import { compile, createCompiler } from '../../src/ruleset/compile.ts';
import { Memory } from '../../src/ruleset/memory.ts';
import type { World } from '../../src/world/world.ts';
import { address, buildWorld } from '../generate/build.ts';
import { arbitraryCase, caseTime } from '../generate/cases.ts';
import { withStopped, worldSketch } from '../generate/worlds.ts';
import { now, policyOf, town } from './support.ts';

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

  test('gives it for one policy after the other, whatever they have in common', () => {
    fc.assert(
      fc.property(arbitraryCase(0), arbitraryCase(0), ({ policy, world }, other) => {
        const its = other.policy;
        const policies: readonly Policy[] = [
          policy,
          { ...policy, defaults: its.defaults },
          { ...policy, groups: its.groups },
          { ...policy, guardrails: { ...policy.guardrails, deny: its.guardrails.deny } },
          { ...policy, guardrails: { ...policy.guardrails, except: its.guardrails.except } },
          { ...policy, compose: its.compose },
          { ...policy, projects: its.projects },
          { ...policy, projects: policy.projects.slice(1), containers: policy.containers.slice(1) },
          { ...policy, projects: policy.projects.map((project) => ({ ...project, services: [] })) },
          its,
          policy,
        ];
        const memory = new Memory();
        for (const one of policies) {
          const compiler = createCompiler(one, memory);
          expect(compiler(world, caseTime)).toEqual(compile(one, world, caseTime));
        }
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

  test('gives all of it again, the same object, where nothing has changed, and what it is held to may come back', () => {
    fc.assert(
      fc.property(arbitraryCase(0), ({ policy, world }) => {
        const compiler = createCompiler(policy);
        const first = compiler(world, caseTime);
        const again = { ...world, containers: [...world.containers], networks: [...world.networks] };
        const { heldNetworks } = first.ruleset;
        expect(compile(policy, world, caseTime, heldNetworks)).toEqual(first);
        expect(compiler(again, caseTime, heldNetworks)).toBe(first);
        expect(renderRuleset(compiler(again, caseTime, heldNetworks).ruleset)).toBe(renderRuleset(first.ruleset));
        const other = { ...world, host: { ...world.host, addresses: [] } };
        expect(compiler(other, caseTime, heldNetworks)).not.toBe(first);
      }),
      { numRuns: 60 },
    );
  });

  test('changes no program, seat or sender when a bridge of the host gets its link-local address', () => {
    const policy = policyOf(
      'guardrails: { deny: [private, cloud-metadata] }\nprojects: { app: { allow: [internet, private, dns, gateway], deny: [private] }, shop: { allow: [private, host] } }',
    );
    const bare = buildWorld(town);
    const world: World = {
      ...bare,
      host: {
        ...bare.host,
        addresses: [...bare.host.addresses, { interface: 'br-app', address: address('fe80::42:1'), length: 64 }],
      },
    };
    const compiler = createCompiler(policy);
    const before = compiler(bare, now).ruleset;
    const after = compiler(world, now).ruleset;
    expect(after).toEqual(compile(policy, world, now).ruleset);
    expect(after.hostAddresses).not.toEqual(before.hostAddresses);
    for (const list of ['programs', 'seats', 'endpoints'] as const)
      expect(
        after[list].every((one, at) => one === before[list][at]),
        list,
      ).toBe(true);
  });

  test('judges a resolver anew that is the link-local address the host has got', () => {
    const sketch = { ...town, containers: [{ ...town.containers[3], name: 'portainer', resolvers: ['fe80::42:1'] }] };
    const bare = buildWorld(sketch);
    const addresses = [...bare.host.addresses, { interface: 'docker0', address: address('fe80::42:1'), length: 64 }];
    const world: World = { ...bare, host: { ...bare.host, addresses } };
    const policy = policyOf('containers: { portainer: { allow: [dns] } }');
    const compiler = createCompiler(policy);
    const planes = (its: World) =>
      compiler(its, now).ruleset.programs.flatMap(({ allow }) =>
        allow.flatMap(({ entry, plane }) => (entry === 'dns' ? [plane] : [])),
      );
    expect(planes(bare)).not.toContain('host');
    expect(planes(world)).toContain('host');
    expect(compiler(world, now)).toEqual(compile(policy, world, now));
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
