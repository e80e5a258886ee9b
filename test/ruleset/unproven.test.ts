/** Containers whose image cannot be read: their labels may all be the image's. */
import { describe, expect, test } from 'vitest';
import { formatAddress } from '../../src/ip/address.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { judge, town } from './support.ts';

/** The town, in which nobody can tell of one container whether its labels are its own. */
function unprovenTown(name: string, claim: Partial<World['containers'][number]> = {}): World {
  const world = buildWorld(town);
  return {
    ...world,
    containers: world.containers.map((one) => (one.name === name ? { ...one, ...claim, unproven: true } : one)),
  };
}

describe('a container whose labels may be its image’s', () => {
  test.each([
    ['the project it claims', 'app-web-1', 'projects: { app: { allow: any } }'],
    ['the service it claims', 'app-web-1', 'projects: { app: { allow: none, services: { web: { allow: any } } } }'],
    ['the project it claims, in another mode', 'app-web-1', 'projects: { app: { mode: off, allow: any } }'],
    ['its name', 'portainer', 'containers: { portainer: { allow: any } }'],
  ])('may reach nothing when policy names %s', (_what, name, policy) => {
    const proven = judge(policy);
    const unproven = judge(policy, unprovenTown(name));
    expect(proven.say(name, '192.0.2.80:80/tcp')).not.toBe('denied');
    expect(unproven.say(name, '192.0.2.80:80/tcp')).toBe('denied');
    expect(unproven.codes()).toContain('SL1607');
  });

  test('is held by its name though its image claims a project that nobody names', () => {
    const claimed = unprovenTown('portainer', { project: 'other', service: 'thing' });
    const policy = 'containers: { portainer: { allow: none } }';
    expect(judge(policy, claimed).say('portainer', '192.0.2.80:80/tcp')).toBe('denied');
  });

  test('is as others that nothing names where nothing names it', () => {
    expect(judge('projects: { app: { allow: any } }', unprovenTown('portainer')).codes()).not.toContain('SL1607');
    const denied = 'defaults: { unmanaged: deny }\nprojects: { app: { allow: any } }';
    expect(judge(denied, unprovenTown('portainer')).say('portainer', '192.0.2.80:80/tcp')).toBe('denied');
  });

  test('is not whom others may send to by the project or service that it claims', () => {
    const policy = 'projects: { app: { allow: [same-project] } }';
    const world = unprovenTown('app-db-1');
    const [endpoint] = world.containers.find(({ name }) => name === 'app-db-1')?.endpoints ?? [];
    const database = endpoint?.addresses[0];
    if (database === undefined) throw new Error('it has no address');
    const to = `${formatAddress(database)}:5432/tcp`;
    expect(judge(policy).say('app-web-1', to, 'app_back')).toBe('allowed');
    expect(judge(policy, world).say('app-web-1', to, 'app_back')).toBe('denied');
  });
});
