import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { EngineSettingsError } from '../../src/host/dockerd.ts';
import { expectTrue, host, named, soon } from './mirrored-host.ts';

describe('after whatever happened', () => {
  const names = ['a', 'b', 'c', 'd'] as const;
  const networkNames = ['front', 'back', 'bridge'] as const;
  const operation = fc.oneof(
    fc.record({
      kind: fc.constant('create' as const),
      name: fc.constantFrom(...names),
      networks: fc.uniqueArray(fc.constantFrom(...networkNames), { maxLength: 2 }),
      mode: fc.constantFrom(undefined, undefined, 'host', 'none', 'container:a'),
    }),
    fc.record({
      kind: fc.constantFrom(
        'start' as const,
        'stop' as const,
        'restart' as const,
        'remove' as const,
        'rename' as const,
      ),
      name: fc.constantFrom(...names),
    }),
    fc.record({
      kind: fc.constantFrom('connect' as const, 'disconnect' as const),
      name: fc.constantFrom(...names),
      network: fc.constantFrom(...networkNames),
    }),
    fc.record({
      kind: fc.constantFrom('network' as const, 'network rm' as const),
      network: fc.constantFrom('front' as const, 'back' as const),
    }),
    fc.record({ kind: fc.constantFrom('engine' as const, 'cut' as const, 'away' as const) }),
    fc.record({ kind: fc.constantFrom('read' as const, 'lose' as const, 'hear' as const) }),
  );
  type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

  /** Does what an engine would let happen; returns whether the mirror could not have heard of it. */
  function happen({ engine }: ReturnType<typeof host>, what: Operation): boolean {
    try {
      switch (what.kind) {
        case 'create':
          engine.create(what.name, what);
          return false;
        case 'start':
        case 'stop':
        case 'remove':
          engine[what.kind](what.name);
          return false;
        case 'restart':
          engine.stop(what.name);
          engine.start(what.name);
          return false;
        case 'rename':
          engine.rename(what.name, `${what.name}-renamed`);
          return false;
        case 'connect':
        case 'disconnect':
          engine[what.kind](what.network, what.name);
          return true; // nothing is told where it does not run
        case 'network':
          engine.addNetwork(what.network, what.network === 'front' ? '172.20.0.0/16' : '172.21.0.0/16');
          return false;
        case 'network rm':
          engine.removeNetwork(what.network);
          return false;
        case 'engine':
          engine.restart();
          return false;
        case 'cut':
          engine.cut();
          return false;
        case 'away':
          engine.leave();
          engine.comeBack();
          return false;
        case 'lose':
          engine.mute = true;
          return true;
        case 'hear':
          engine.mute = false;
          return false;
        case 'read':
          return false;
      }
    } catch (error) {
      if (error instanceof TypeError) return false; // the engine refuses
      throw error;
    }
  }

  test.each([
    [0, 1_000],
    [1_000, 1_000],
    [1_000, 2 << 20],
  ])(
    'the mirror shows what a fresh look shows; of %i containers the whole list, of %i bytes each',
    async (small, bytes) => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
          const all = host(small);
          all.engine.bytesEach = bytes;
          let unheard = false;
          for (const what of operations) {
            unheard = happen(all, what) || all.engine.mute || unheard;
            if (what.kind !== 'read') continue;
            if (unheard) all.mirror.forget();
            unheard = all.engine.mute;
            await expectTrue(all);
          }
          if (unheard) all.mirror.forget();
          await expectTrue(all);
        }),
        { numRuns: 300 },
      );
    },
  );

  test.each([
    ['a large', 0],
    ['a small', 200],
  ])('what happened on %s host without an event is seen in the lists', async (_what, small) => {
    const all = host(small);
    const { engine, mirror } = all;
    engine.addNetwork('front', '172.20.0.0/16');
    engine.addNetwork('back', '172.21.0.0/16');
    const id = engine.create('web', { networks: ['front'] });
    const other = engine.run('other', { networks: ['front'] });
    await expectTrue(all);
    engine.mute = true;
    engine.connect('back', id);
    engine.stop(other);
    engine.start(other);
    const gone = engine.run('gone');
    engine.remove(gone);
    engine.run('new');
    if (small === 0) mirror.recheck();
    await expectTrue(all);
  });
});

describe('what is asked', () => {
  const asked = async ({ engine, mirror }: ReturnType<typeof host>) => {
    Object.assign(engine.asked, { version: 0, containers: 0, container: 0, networks: 0, image: 0 });
    await mirror.readWorld();
    return { ...engine.asked };
  };
  async function busyHost() {
    const all = host();
    all.engine.addNetwork('front', '172.20.0.0/16');
    for (let i = 0; i < 30; i++) all.engine.run(`c${i}`, { networks: ['front'] });
    await all.mirror.readWorld();
    return all;
  }

  test('nothing, when nothing has happened', async () => {
    expect(await asked(await busyHost())).toEqual({ version: 0, containers: 0, container: 0, networks: 0, image: 0 });
  });

  test('nothing twice: who is as he was is the same object, though something happened to others', async () => {
    const all = await busyHost();
    const before = await all.mirror.readWorld();
    all.engine.stop('c7');
    all.engine.start('c7');
    all.engine.create('late', { networks: ['front'] });
    const after = await all.mirror.readWorld();
    const fresh = after.containers.filter((container) => !before.containers.includes(container));
    expect(fresh.map(({ name }) => name)).toEqual(['c7', 'late']);
    await expectTrue(all);
  });

  test('one container, when something happened to one; the kernel for its namespace alone', async () => {
    const all = await busyHost();
    all.engine.stop('c7');
    all.engine.start('c7');
    const netnsIdOf = vi.spyOn(all.kernel, 'netnsIdOf');
    expect(await asked(all)).toEqual({ version: 0, containers: 1, container: 1, networks: 0, image: 0 });
    expect(netnsIdOf).toHaveBeenCalledTimes(1);
    await expectTrue(all);
  });

  test('nothing any more of one that is gone', async () => {
    const all = await busyHost();
    all.engine.remove('c7');
    expect(await asked(all)).toMatchObject({ containers: 1, container: 0 });
    expect(await asked(all)).toMatchObject({ containers: 0, container: 0 });
    await expectTrue(all);
  });

  test('the networks, when one of them came or went', async () => {
    const all = await busyHost();
    all.engine.addNetwork('more', '172.25.0.0/16');
    expect(await asked(all)).toEqual({ version: 0, containers: 0, container: 0, networks: 1, image: 0 });
  });

  test('one container, on a host of few with a long list, and the list itself on a recheck alone', async () => {
    const all = host(200);
    all.engine.bytesEach = 1 << 20;
    for (let i = 0; i < 3; i++) all.engine.run(`c${i}`);
    await all.mirror.readWorld();
    const before = all.engine.wholeLists.containers;
    all.engine.stop('c1');
    all.engine.run('c3');
    expect(await asked(all)).toMatchObject({ containers: 2, container: 2 });
    await expectTrue(all); // which itself asks for the whole list
    expect(all.engine.wholeLists.containers).toBe(before + 1);
    all.engine.bytesEach = 1_000;
    all.mirror.recheck();
    await all.mirror.readWorld();
    // the list is short again, and read at each event
    all.engine.stop('c0');
    await all.mirror.readWorld();
    expect(all.engine.wholeLists.containers).toBe(before + 3);
  });

  test('one network, where the list of them is long, and the list itself on a recheck alone', async () => {
    const all = host();
    const { engine, mirror } = all;
    engine.bytesEach = 1 << 20;
    engine.addNetwork('front', '172.20.0.0/16');
    await mirror.readWorld();
    const before = engine.wholeLists.networks;
    engine.addNetwork('back', '172.21.0.0/16');
    engine.removeNetwork('front');
    engine.hold(engine.create('late', { networks: ['back'] }));
    const { networks } = await mirror.readWorld();
    expect(networks.map(({ name }) => name)).toEqual(['back', 'bridge']);
    expect(engine.wholeLists.networks).toBe(before);
    mirror.recheck();
    await mirror.readWorld();
    expect(engine.wholeLists.networks).toBe(before + 1);
  });

  test('the lists, and containers of which they say something else, on a recheck', async () => {
    const all = await busyHost();
    all.engine.mute = true;
    all.engine.rename('c3', 'c3-renamed');
    all.mirror.recheck();
    expect(await asked(all)).toEqual({ version: 0, containers: 1, container: 1, networks: 1, image: 0 });
  });

  test('everything, after a gap', async () => {
    const all = await busyHost();
    all.engine.cut();
    expect(await asked(all)).toEqual({ version: 1, containers: 1, container: 30, networks: 1, image: 1 });
  });

  test('again, what could not be read', async () => {
    const all = await busyHost();
    all.engine.run('late');
    all.engine.leave();
    await expect(all.mirror.readWorld()).rejects.toMatchObject({ kind: 'unreachable' });
    all.engine.comeBack();
    await expectTrue(all);
  });
});

describe('a container that took its own interface away, on an engine whose answers are late', () => {
  /** Longer than a reading waits. */
  const slowly = 60;
  const quiet = () => new Promise((resolve) => setTimeout(resolve, 10 * slowly));

  /** Reads again whenever the mirror says that something came late, as the daemon does. */
  async function followed() {
    const all = host();
    const { kernel, engine, mirror, onLate } = all;
    const id = engine.run('web');
    kernel.remove(kernel.links().find(({ kind }) => kind === 'veth')?.name ?? '');
    const answer = engine.container.bind(engine);
    vi.spyOn(engine, 'container').mockImplementation(async (asked) => {
      await new Promise((resolve) => setTimeout(resolve, slowly));
      return answer(asked);
    });
    let world = await mirror.readWorld();
    onLate.mockImplementation(() => void mirror.readWorld().then((now) => (world = now)));
    await soon(() => expect(named(world, 'web')).toMatchObject({ running: true, pid: expect.any(Number) }));
    expect(named(world, 'web').endpoints).toMatchObject([{ port: null }]);
    return { ...all, id, web: () => named(world, 'web') };
  }

  test('is asked about at each look, and an answer that says what is known makes nobody look again', async () => {
    const { engine, mirror, onLate } = await followed();
    await quiet();
    const [asked, said] = [engine.asked.container, onLate.mock.calls.length];
    for (let look = 0; look < 3; look++) {
      await mirror.readWorld();
      await quiet();
    }
    expect(engine.asked.container).toBeGreaterThan(asked);
    expect(engine.asked.container).toBeLessThanOrEqual(asked + 3);
    expect(onLate.mock.calls.length).toBe(said);
  });

  test('wakes whoever looks when the answer is another one, though the list says nothing new and no event came', async () => {
    const { kernel, engine, mirror, id, web } = await followed();
    await quiet();
    const { pid } = web();
    const listed = await engine.containers();
    engine.mute = true;
    engine.stop(id);
    engine.start(id);
    vi.spyOn(engine, 'containers').mockResolvedValue(listed); // its endpoints are the same ones, for all the list says
    await mirror.readWorld();
    await soon(() => expect(web().pid).not.toBe(pid));
    expect(kernel.netnsIdOf(web().pid ?? 0)).not.toBeNull();
  });
});

test('a namespace id that was given to another container after the first one ended proves nothing', async () => {
  const { kernel, engine, mirror } = host();
  const first = engine.run('first');
  const before = named(await mirror.readWorld(), 'first');
  // the engine says nothing yet of its end, and the kernel gives its namespace's id to the next one
  const netns = kernel.netnsIdOf(before.pid ?? 0);
  kernel.exit(before.pid ?? 0);
  const links = kernel.links();
  const port = { index: 999, name: 'veth999', kind: 'veth', mac: null, up: true, bridgeCalls: null } as const;
  const bridge = links.find(({ name }) => name === 'docker0')?.index ?? 0;
  vi.spyOn(kernel, 'links').mockReturnValue([...links, { ...port, master: bridge, peer: { index: 2, netns } }]);
  const world = await mirror.readWorld();
  expect(world.containers.find(({ id }) => id === first)?.endpoints[0]?.port).toBeNull();
});

test('what cannot be read on the host is told as the engine that cannot be read, and is read again', async () => {
  const { kernel, engine, mirror } = host();
  engine.run('web', { networks: ['bridge'] });
  await mirror.readWorld();
  const settings = vi.spyOn(kernel, 'engineSettings').mockImplementation(() => {
    throw new EngineSettingsError('daemon.json is not a JSON object');
  });
  mirror.forget();
  await expect(mirror.readWorld()).rejects.toMatchObject({
    name: 'EngineError',
    kind: 'host',
    message: /daemon\.json/,
  });
  settings.mockRestore();
  expect(named(await mirror.readWorld(), 'web').name).toBe('web');
});
