import { describe, expect, test, vi } from 'vitest';
import { readWorld } from '../../src/docker/snapshot.ts';
import { encodeWorld } from '../../src/world/json.ts';
import type { World } from '../../src/world/world.ts';
import { expectTrue, host, named, soon } from './mirrored-host.ts';

describe('a container of which the list says more than is read', () => {
  test.each([0, 200])('is unidentified, beside the others; of %i containers the whole list', async (small) => {
    const all = host(small);
    const { engine, mirror } = all;
    engine.run('web');
    await mirror.readWorld();
    const id = engine.create('long');
    engine.unreadable.add(id);
    const world = await expectTrue(all);
    expect(world.containers.map(({ name }) => name)).toEqual(['web']);
    expect(world.unidentified).toEqual([
      { id, name: 'long', reason: 'the engine says more of it than is read, so nobody knows whose it is' },
    ]);
    engine.start(id);
    engine.stop('web');
    expect((await expectTrue(all)).unidentified).toHaveLength(1);
    engine.remove(id);
    expect((await expectTrue(all)).unidentified).toBeUndefined();
  });

  test('is looked for, like any other, where no event told of it', async () => {
    const all = host();
    const { engine, mirror } = all;
    await mirror.readWorld();
    engine.mute = true;
    const [id, other] = [engine.create('long'), engine.create('short')];
    engine.unreadable.add(id);
    for (const one of [id, other]) mirror.lookFor(one);
    const { containers, unidentified } = await mirror.readWorld();
    expect([containers, unidentified].map((list) => list?.map((one) => one.id))).toEqual([[other], [id]]);
  });
});

describe('on a host with a long list, a container that says much', () => {
  async function longHost() {
    const all = host(200);
    all.engine.bytesEach = 1 << 20;
    for (const name of ['one', 'two']) all.engine.run(name);
    await all.mirror.readWorld();
    return all;
  }
  const names = ({ containers }: World) => containers.filter(({ running }) => running).map(({ name }) => name);

  test('is late, and nobody else', async () => {
    const all = await longHost();
    const { engine, mirror, onLate } = all;
    const long = engine.create('long');
    const letGo = engine.holdList(long);
    engine.start(long);
    engine.run('free');
    const began = performance.now();
    expect(names(await mirror.readWorld())).toEqual(['free', 'one', 'two']);
    expect(performance.now() - began).toBeLessThan(1_500); // it would wait for ever
    expect([long, engine.run('more')].map((id) => mirror.late.has(id))).toEqual([true, false]);
    expect(names(await mirror.readWorld())).toEqual(['free', 'more', 'one', 'two']);
    expect(onLate).not.toHaveBeenCalled();
    letGo();
    await soon(() => expect(onLate).toHaveBeenCalled());
    expect(names(await mirror.readWorld())).toEqual(['free', 'long', 'more', 'one', 'two']);
    expect(mirror.late.has(long)).toBe(false);
    await expectTrue(all);
  });

  test('is asked for again, when something has happened to it since it was asked for', async () => {
    const all = await longHost();
    const { engine, mirror, onLate } = all;
    const letGo = engine.holdList(engine.run('long'));
    await mirror.readWorld();
    engine.stop('long'); // after the engine has written its answer
    expect(names(await mirror.readWorld())).toEqual(['one', 'two']);
    letGo();
    await soon(() => expect(onLate).toHaveBeenCalled());
    await expectTrue(all);
    expect(names(await mirror.readWorld())).toEqual(['one', 'two']);
  });

  test('does not hold up a recheck, and what was asked since then is newer than the list', async () => {
    const all = await longHost();
    const { engine, mirror, onLate } = all;
    const id = engine.run('long');
    await mirror.readWorld();
    const letGo = engine.holdList(id);
    engine.mute = true;
    engine.run('unheard');
    engine.mute = false;
    mirror.recheck();
    expect(names(await mirror.readWorld())).toEqual(['long', 'one', 'two']);
    engine.stop('two');
    engine.run('free');
    expect(names(await mirror.readWorld())).toEqual(['free', 'long', 'one']);
    letGo();
    await soon(() => expect(onLate).toHaveBeenCalled());
    expect(names(await mirror.readWorld())).toEqual(['free', 'long', 'one', 'unheard']);
    await expectTrue(all);
  });

  test('is no reason to read for ever', async () => {
    const { engine, mirror, onLate } = await longHost();
    const letGo = engine.holdList(engine.run('long'));
    for (let reading = 0; reading < 3; reading++) await mirror.readWorld();
    letGo();
    await soon(() => expect(onLate).toHaveBeenCalled());
    let readings = 0;
    onLate.mockImplementation(() => void mirror.readWorld().then(() => readings++));
    await mirror.readWorld();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(readings).toBeLessThan(3);
  });

  test('after a gap it is waited for', async () => {
    const all = await longHost();
    const letGo = all.engine.holdList(all.engine.run('long'));
    await all.mirror.readWorld();
    all.mirror.forget();
    setTimeout(letGo, 200);
    expect(names(await all.mirror.readWorld())).toEqual(['long', 'one', 'two']);
    await expectTrue(all);
  });
});

describe('a container of which the engine does not tell in time', () => {
  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const began = performance.now();
    return [await work, performance.now() - began];
  };

  test('is there by what the list says, and known when the answer has come', async () => {
    const all = host();
    const { engine, mirror, onLate } = all;
    engine.addNetwork('front', '172.20.0.0/16');
    engine.run('other', { networks: ['front'] });
    await mirror.readWorld();
    const id = engine.create('web', { networks: ['front', 'bridge'], labels: { 'sluice.allow': 'dns' } });
    const letGo = engine.hold(id);
    const [world, time] = await timed(mirror.readWorld());
    expect(time).toBeLessThan(1_500); // it would wait for ever
    expect(named(world, 'web')).toMatchObject({ running: false, pid: null });
    expect(named(world, 'web').labels.get('sluice.allow')).toBe('dns');
    const nothing = { addresses: [], mac: null, port: null };
    expect(named(world, 'web').endpoints).toMatchObject([nothing, nothing]);
    expect(onLate).not.toHaveBeenCalled();
    const again: number[] = [];
    for (let reading = 0; reading < 5; reading++) again.push((await timed(mirror.readWorld()))[1]);
    expect(Math.min(...again)).toBeLessThan(20); // waited for once
    letGo();
    await soon(() => expect(onLate).toHaveBeenCalledTimes(1));
    await expectTrue(all);
  });

  test('is asked about anew when something happens to it meanwhile', async () => {
    const all = host();
    const { engine, mirror } = all;
    await mirror.readWorld();
    const id = engine.create('web');
    const letGo = engine.hold(id);
    await mirror.readWorld();
    letGo();
    engine.start(id);
    const world = await expectTrue(all);
    expect(named(world, 'web').endpoints[0]?.port).not.toBeNull();
  });

  test('an answer that something overtook is not the last word', async () => {
    const all = host();
    const { engine, mirror } = all;
    const id = engine.run('web', { mode: 'host' }); // of whose restart the list says nothing
    await mirror.readWorld();
    const { promise: sent, resolve: send } = Promise.withResolvers<void>();
    const answer = engine.container.bind(engine);
    vi.spyOn(engine, 'container').mockImplementationOnce(async (asked) => {
      const before = await answer(asked);
      await sent;
      return before;
    });
    engine.rename(id, 'www');
    const reading = mirror.readWorld();
    await new Promise((resolve) => setTimeout(resolve, 5));
    engine.stop(id); // after the engine has answered, before the answer is here
    engine.start(id);
    send();
    await reading;
    await expectTrue(all);
  });

  test('keeps its place while nothing about it has changed in the list', async () => {
    const { engine, mirror } = host();
    const id = engine.run('web');
    const before = named(await mirror.readWorld(), 'web');
    const letGo = engine.hold(id);
    mirror.note({ kind: 'container', action: 'update', container: id, at: 1n });
    expect(named(await mirror.readWorld(), 'web')).toEqual(before);
    letGo();
  });

  test('keeps its place when it is connected to another network, and has its place there too', async () => {
    const all = host();
    const { engine, mirror } = all;
    engine.addNetwork('front', '172.20.0.0/16');
    const id = engine.run('web');
    await mirror.readWorld();
    const letGo = engine.hold(id);
    engine.connect('front', id);
    const [world, time] = await timed(mirror.readWorld());
    expect(time).toBeLessThan(1_500); // it would wait for ever
    letGo();
    expect(encodeWorld(world)).toEqual(encodeWorld(await readWorld(engine, all.kernel)));
    expect(named(world, 'web').endpoints.filter(({ port }) => port !== null)).toHaveLength(2);
    engine.disconnect('bridge', id);
    await expectTrue(all);
  });

  test('loses its place when the list says that it was attached anew', async () => {
    const { engine, mirror } = host();
    const id = engine.run('web');
    await mirror.readWorld();
    engine.stop(id);
    engine.start(id);
    const letGo = engine.hold(id);
    expect(named(await mirror.readWorld(), 'web').endpoints).toMatchObject([{ addresses: [], mac: null, port: null }]);
    letGo();
  });

  test('hundreds of them do not hold up the others', async () => {
    const all = host();
    const { engine, mirror, onLate } = all;
    await mirror.readWorld();
    const held = Array.from({ length: 200 }, (_, i) => engine.hold(engine.create(`starting${i}`)));
    const running = engine.run('web');
    const [world, time] = await timed(mirror.readWorld());
    expect(time).toBeLessThan(5_000); // 200 times its patience
    expect(named(world, 'web')).toMatchObject({ id: running, running: true });
    expect(named(world, 'web').endpoints[0]?.port).not.toBeNull();
    expect(world.containers).toHaveLength(201);
    for (const letGo of held) letGo();
    await soon(() => expect(onLate).toHaveBeenCalled());
    await soon(() => expectTrue(all));
  });

  test('an engine that answers about none of those that run is an error, and no world without them', async () => {
    const { engine, mirror } = host();
    const ids = Array.from({ length: 40 }, (_, i) => engine.run(`c${i}`));
    for (const id of ids) engine.lock(id);
    await expect(mirror.readWorld()).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/restart/),
    });
    for (const id of ids) engine.unlock(id);
    expect((await mirror.readWorld()).containers).toHaveLength(40);
  });

  test('an engine that goes away between the list and the answer is an error', async () => {
    const { engine, mirror } = host();
    engine.run('web');
    await mirror.readWorld();
    engine.stop('web');
    engine.start('web');
    engine.beforeInspect = () => engine.leave();
    await expect(mirror.readWorld()).rejects.toMatchObject({ kind: 'unreachable' });
  });
});
