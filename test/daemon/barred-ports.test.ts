import { describe, expect, test } from 'vitest';
import { announcedSince, announcementsOf } from '../../src/daemon/announced.ts';
import { BarredPorts } from '../../src/daemon/barred-ports.ts';
import type { Look } from '../../src/daemon/looks.ts';
import type { World } from '../../src/world/world.ts';
import { buildWorld } from '../generate/build.ts';
import { town } from '../ruleset/support.ts';

const world = buildWorld(town);
const [someone] = world.containers;
if (someone === undefined) throw new Error('nobody is there');
/** With everybody held. */
const announcementsFor = (of: World, strangers: ReadonlySet<string>) => announcementsOf(of, new Set(), strangers);
const port = someone.endpoints[0]?.port ?? { name: '', index: 0 };
/** The same with its port not found. */
const portless = { ...someone, endpoints: someone.endpoints.map((one) => ({ ...one, port: null })) };
const unknown = 'e'.repeat(64);

describe('a port that was barred because of a container of which nobody had told', () => {
  const without: World = { ...world, containers: world.containers.filter(({ id }) => id !== someone.id) };
  const unread: World = { ...without, unidentified: [{ id: someone.id, name: '', reason: 'long' }] };
  const look = (of: World, at: number, late: readonly string[] = []): Look => ({
    world: of,
    at,
    number: 1,
    left: [],
    late: new Set(late),
  });

  test.each<[string, Look, boolean]>([
    ['stays so while the engine was read before that', look(world, 1_000), true],
    ['is let go when it was read after that, and told', look(world, 1_001), false],
    ['is let go when it tells of no such container: it is another engine’s', look(without, 1_001), false],
    ['stays so while what it tells cannot be read', look(unread, 1_001), true],
    ['stays so while it is not known whose port it is', look({ ...without, containers: [portless] }, 1_001), true],
    ['stays so while its word was not waited for', look(without, 1_001, [someone.id]), true],
  ])('%s', (_when, seen, stays) => {
    const ports = new BarredPorts();
    ports.bar(port, someone.id, 1_000);
    const after = ports.after(seen);
    expect(after.barred).toEqual(stays ? [port] : []);
    expect(ports.all).toHaveLength(1); // until that is held
    after.held();
    expect(ports.all).toHaveLength(stays ? 1 : 0);
    expect(ports.strangers.has(someone.id)).toBe(!stays && seen.world === without);
  });

  test('goes with the port', () => {
    const ports = new BarredPorts();
    ports.bar(port, unknown, 1_000);
    ports.gone(port.index);
    expect(ports.after(look(world, 0)).barred).toEqual([]);
  });

  test('stays so when it was barred again before that was held', () => {
    const ports = new BarredPorts();
    ports.bar(port, someone.id, 1_000);
    const { held } = ports.after(look(world, 1_001));
    ports.bar(port, unknown, 1_002);
    held();
    expect(ports.all).toMatchObject([{ container: unknown }]);
  });
});

describe('whom the guard is told of', () => {
  const bridgeOf = (name: string) => world.networks.find((one) => one.name === name)?.bridge?.index;

  test('is every container with the bridges of its networks, running or not, and others’ anywhere', () => {
    const told = announcementsFor(world, new Set([unknown]));
    expect(told.size).toBe(world.containers.length + 1);
    expect(told.get(unknown)).toEqual({ container: unknown, bridges: null, free: true });
    for (const container of world.containers.filter(({ networkMode }) => networkMode.kind === 'networks'))
      for (const { network } of container.endpoints) {
        const { bridge } = world.networks.find(({ id }) => id === network) ?? {};
        if (bridge) expect(told.get(container.id)?.bridges).toContain(bridge.index);
      }
  });

  test('is who shares a namespace with the bridges of whose it is', () => {
    const joiner = { ...someone, id: unknown, endpoints: [] };
    const networkMode = { kind: 'container', container: someone.id } as const;
    const told = announcementsFor(
      { ...world, containers: [...world.containers, { ...joiner, networkMode }] },
      new Set(),
    );
    expect(told.get(unknown)?.bridges).toEqual(told.get(someone.id)?.bridges);
    expect(told.get(someone.id)?.bridges).not.toEqual([]);
  });

  test('is told once, and again when he is elsewhere', () => {
    const before = announcementsFor(world, new Set());
    expect(announcedSince(before, announcementsFor(structuredClone(world), new Set()))).toEqual({
      announced: [],
      forgotten: [],
    });
    const network = world.networks.find(({ name }) => name === 'bridge')?.id ?? '';
    const moved = { ...someone, endpoints: [{ network, addresses: [], mac: null, port: null }] };
    const [, ...others] = world.containers;
    const { announced } = announcedSince(
      before,
      announcementsFor({ ...world, containers: [moved, ...others] }, new Set()),
    );
    expect(announced).toEqual([{ container: someone.id, bridges: [bridgeOf('bridge')], free: true }]);
    const { forgotten } = announcedSince(before, announcementsFor({ ...world, containers: others }, new Set()));
    expect(forgotten).toEqual([someone.id]);
  });
});
