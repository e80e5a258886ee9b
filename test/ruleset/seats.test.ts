import { describe, expect, test } from 'vitest';
import type { ContainerSketch, WorldSketch } from '../generate/build.ts';
import { judge, town } from './support.ts';

const alone = (...containers: readonly ContainerSketch[]): WorldSketch => ({
  networks: [
    { name: 'app_default', subnets: ['172.20.0.0/16'], project: 'app' },
    { name: 'other', subnets: ['172.30.0.0/16'] },
    { name: 'lan', driver: 'macvlan', subnets: ['192.168.50.0/24'] },
  ],
  containers,
});

/** The town with some of its containers not running. */
const withStopped = (...names: readonly string[]): WorldSketch => ({
  ...town,
  containers: town.containers.map((one) => (names.includes(one.name) ? { ...one, running: false } : one)),
});

describe('seats', () => {
  test('are kept for each container and enrolled network, run or not, by id and network', () => {
    const { ruleset, world } = judge(
      'projects: { app: { allow: none } }',
      alone(
        { name: 'b', workload: 'app/b', on: ['app_default', 'lan'], running: false },
        { name: 'a', workload: 'app/a', on: ['app_default'] },
        { name: 'elsewhere', on: ['other'] },
      ),
    );
    const network = world.networks.find(({ name }) => name === 'app_default');
    expect(ruleset.seats.map(({ container, network: id, program }) => [container.name, id, program])).toEqual([
      ['b', network?.id, 'app/b'],
      ['a', network?.id, 'app/a'],
    ]);
    expect(ruleset.programs.map(({ id }) => id)).toEqual(['app/a', 'app/b']);
    expect(ruleset.endpoints.map(({ container }) => container.name)).toEqual(['a']);
    expect(ruleset.unheld.map(({ container, code }) => [container.name, code])).toEqual([]);
  });

  test('enroll the networks of named containers that do not run', () => {
    const { ruleset } = judge(
      'containers: { legacy: { allow: none } }',
      alone({ name: 'legacy', on: ['other'], running: false }),
    );
    expect(ruleset.bridges.map(({ network }) => network)).toEqual(['other']);
  });

  test('name the groups that its addresses will be in, also those that have no members yet', () => {
    const { ruleset } = judge(
      'projects: { app: { allow: [same-project, project/shop/web, "network/app_back"] }, shop: { allow: [containers] } }',
      withStopped('app-db-1', 'shop-web-1'),
    );
    const groupsOf = (name: string) => ruleset.seats.find(({ container }) => container.name === name)?.groups;
    expect(groupsOf('app-db-1')).toEqual(['containers', 'network/app_back', 'project/app']);
    expect(groupsOf('shop-web-1')).toEqual(['containers', 'service/shop/web']);
    expect(ruleset.groups.find(({ id }) => id === 'service/shop/web')?.members).toEqual([]);
  });

  test('have the groups of those who share the namespace, who have no seat themselves', () => {
    const { ruleset } = judge(
      'projects: { app: { allow: [service/vpn, service/job] } }',
      alone(
        { name: 'app-vpn-1', workload: 'app/vpn', on: ['app_default'], running: false },
        { name: 'app-job-1', workload: 'app/job', mode: 'container:app-vpn-1', running: false },
      ),
    );
    expect(ruleset.seats.map(({ container, groups }) => [container.name, groups])).toEqual([
      ['app-vpn-1', ['service/app/job', 'service/app/vpn']],
    ]);
  });

  test('say the ports that are published, by the host or by route', () => {
    const { ruleset } = judge('projects: { app: { allow: none } }', {
      ...town,
      containers: [
        {
          name: 'x',
          workload: 'app/x',
          on: ['app_default'],
          published: ['81:80/tcp', '82:80/tcp', '5353:53/udp'],
          running: false,
        },
      ],
    });
    expect(ruleset.seats.map(({ opens }) => opens)).toEqual([
      [
        { protocol: 6, port: 80 },
        { protocol: 17, port: 53 },
      ],
    ]);
  });

  test('of a namespace that will be shared under two policies may reach nothing before the second one runs', () => {
    const { ruleset, codes } = judge(
      'projects: { app: { allow: any, services: { job: { allow: none } } } }',
      alone(
        { name: 'app-vpn-1', workload: 'app/vpn', on: ['app_default'] },
        { name: 'app-job-1', workload: 'app/job', mode: 'container:app-vpn-1', running: false },
      ),
    );
    expect(ruleset.programs.map(({ standing, allow }) => [standing, allow])).toEqual([['refused', []]]);
    expect(codes()).toContain('SL1603');
  });

  test('have the same program whether or not anybody runs', () => {
    const policy =
      'projects: { app: { allow: [same-project, gateway, same-network, dns, "internet:443"] }, shop: { allow: [project/app] } }';
    const running = judge(policy, withoutPorts(town)).ruleset;
    const none = judge(policy, withoutPorts(withStopped(...town.containers.map(({ name }) => name)))).ruleset;
    expect(none.programs).toEqual(running.programs);
    expect(none.seats).toEqual(running.seats);
    expect(none.endpoints).toEqual([]);
  });

  test('tell what is wrong with a container when it runs', () => {
    const labels = { 'sluice.allow': 'no-such-group' };
    const of = (running: boolean) =>
      judge(
        'projects: { app: { allow: none } }',
        alone({ name: 'x', workload: 'app/x', on: ['app_default'], labels, running }),
      );
    expect(of(false).ruleset.programs).toEqual(of(true).ruleset.programs);
    expect(of(false).codes()).toEqual([]);
    expect(of(true).codes()).not.toEqual([]);
  });
});

describe('a port of the host that a container will be behind', () => {
  const policy = (lists: string) => `projects: { app: { allow: [host], ${lists} }, shop: { allow: any } }`;

  test('is denied beforehand where its service is, by name or by its whole network', () => {
    for (const deny of ['project/shop/web', '"172.22.0.0/16"', '"172.16.0.0/12"']) {
      const { say } = judge(policy(`deny: [${deny}]`), withStopped('shop-web-1'));
      expect(say('app-web-1', '192.168.1.2:8080/tcp'), deny).toBe('denied');
      expect(say('app-web-1', '192.168.1.2:8081/tcp'), deny).toBe('allowed');
    }
  });

  test('is not, while another container has it', () => {
    const other: ContainerSketch = { name: 'other', on: ['bridge'], published: ['8080:80/tcp'] };
    const world = withStopped('shop-web-1');
    const { say } = judge(policy('deny: [project/shop/web]'), { ...world, containers: [...world.containers, other] });
    expect(say('app-web-1', '192.168.1.2:8080/tcp')).toBe('allowed');
  });

  test('is not allowed before it runs: until then the port may be anybody’s', () => {
    const allows = 'projects: { app: { allow: [project/shop/web] } }';
    expect(judge(allows, withStopped('shop-web-1')).say('app-web-1', '192.168.1.2:8080/tcp')).toBe('denied');
    expect(judge(allows).say('app-web-1', '192.168.1.2:8080/tcp')).toBe('allowed');
  });
});

function withoutPorts(sketch: WorldSketch): WorldSketch {
  return { ...sketch, containers: sketch.containers.map((one) => ({ ...one, published: [] })) };
}
