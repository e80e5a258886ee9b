import { describe, expect, test } from 'vitest';
import { FakeEngine } from '../../src/docker/fake-engine.ts';
import { readWorld } from '../../src/docker/snapshot.ts';
import { FakeKernel } from '../../src/host/fake-kernel.ts';
import { formatAddress } from '../../src/ip/address.ts';
import type { Container, World } from '../../src/world/world.ts';

function host() {
  const kernel = new FakeKernel();
  kernel.resolvConf('nameserver 192.0.2.53\n');
  return { kernel, engine: new FakeEngine(kernel) };
}
const compose = (project: string, service: string) => ({
  'com.docker.compose.project': project,
  'com.docker.compose.service': service,
  'com.docker.compose.config-hash': 'e3b0c442',
});
const named = (world: World, name: string): Container => {
  const found = world.containers.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${world.containers.map((one) => one.name).join(', ')}`);
  return found;
};

describe('containers that come and go while the world is read', () => {
  test('one that vanishes between list and inspect is not there', async () => {
    const { engine, kernel } = host();
    engine.run('stays');
    const id = engine.run('goes');
    engine.beforeInspect = (name) => {
      if (name === 'goes') engine.remove(id);
    };
    expect((await readWorld(engine, kernel)).containers.map(({ name }) => name)).toEqual(['stays']);
  });

  test('one that was restarted meanwhile is seen as it is afterwards', async () => {
    const { engine, kernel } = host();
    const id = engine.run('web');
    engine.run('zz');
    let restarted = false;
    engine.beforeInspect = (name) => {
      if (name !== 'zz' || restarted) return;
      restarted = true;
      engine.stop(id);
      engine.start(id);
    };
    const world = await readWorld(engine, kernel);
    const [endpoint] = named(world, 'web').endpoints;
    expect(endpoint?.port?.name).toBe(kernel.links().findLast(({ kind }) => kind === 'veth')?.name);
    expect(endpoint?.addresses).toHaveLength(1);
  });

  test('one that is being started has its identity and networks, and nothing by which it could be proven', async () => {
    const { engine, kernel } = host();
    engine.addNetwork('shop_default', '172.20.0.0/16');
    const id = engine.create('shop-db-1', { networks: ['shop_default'], labels: compose('shop', 'db') });
    engine.lock(id);
    const container = named(await readWorld(engine, kernel), 'shop-db-1');
    expect(container).toMatchObject({ project: 'shop', service: 'db', running: false, pid: null });
    expect(container.endpoints).toMatchObject([{ addresses: [], mac: null, port: null }]);
  });

  test('one that is not running has the networks it will join, as the engine finds them at its start', async () => {
    const { engine, kernel } = host();
    engine.addNetwork('front', '172.20.0.0/16');
    engine.addNetwork('back', '172.21.0.0/16');
    const joins = async (name: string) => {
      const world = await readWorld(engine, kernel);
      const { endpoints } = named(world, name);
      for (const endpoint of endpoints) expect(endpoint).toMatchObject({ addresses: [], mac: null, port: null });
      return endpoints.map(({ network }) => world.networks.find(({ id }) => id === network)?.name);
    };
    const both = engine.create('both', { networks: ['front', 'back'] });
    engine.create('plain');
    expect(await joins('both')).toEqual(['back', 'front']);
    expect(await joins('plain')).toEqual(['bridge']);

    engine.start(both);
    engine.stop(both);
    engine.start('plain');
    engine.restart(); // the default network has another id now
    expect(await joins('both')).toEqual(['back', 'front']);
    expect(await joins('plain')).toEqual(['bridge']);

    engine.disconnect('front', both);
    expect(await joins('both')).toEqual(['back']);
    engine.disconnect('back', both);
    expect(await joins('both')).toEqual(['front']); // that of its mode
    engine.removeNetwork('front');
    engine.addNetwork('front', '172.22.0.0/16');
    expect(await joins('both')).toEqual(['front']);
  });

  test('one whose network was removed joins none, whatever has its name now: the engine refuses to start it', async () => {
    const { engine, kernel } = host();
    engine.addNetwork('front', '172.20.0.0/16');
    engine.stop(engine.run('web', { networks: ['front'] }));
    engine.removeNetwork('front');
    engine.addNetwork('front', '172.22.0.0/16');
    expect(named(await readWorld(engine, kernel), 'web').endpoints).toEqual([]);
    expect(() => engine.start('web')).toThrow(/not found/);
  });

  test('a running one that the engine hangs on is still known to run, unproven', async () => {
    const { engine, kernel } = host();
    const id = engine.run('web');
    engine.lock(id);
    const container = named(await readWorld(engine, kernel), 'web');
    expect(container).toMatchObject({ running: true, pid: null });
    expect(container.endpoints).toMatchObject([{ addresses: [], mac: null, port: null }]);
  });

  test('an engine that hangs on all of them is an error', async () => {
    const { engine, kernel } = host();
    for (let i = 0; i < 40; i++) engine.lock(engine.run(`c${i}`));
    await expect(readWorld(engine, kernel)).rejects.toMatchObject({
      kind: 'unreachable',
      message: expect.stringMatching(/restart/),
    });
  });
});

describe('who a container is', () => {
  test('an image cannot claim a project', async () => {
    const { engine, kernel } = host();
    engine.addImage('evil', { ...compose('app', 'db'), 'sluice.allow': 'any' });
    engine.run('guest', { image: 'evil' });
    const container = named(await readWorld(engine, kernel), 'guest');
    expect(container).toMatchObject({ project: null, service: null });
    expect([...container.labels]).toEqual([]);
  });

  test('a service of an image that Compose built keeps its identity though the image says the same', async () => {
    const { engine, kernel } = host();
    const { 'com.docker.compose.config-hash': _hash, ...built } = compose('app', 'web');
    engine.addImage('app-web', { ...built, 'com.docker.compose.version': '2.40.3' });
    engine.run('app-web-1', {
      image: 'app-web',
      labels: { ...compose('app', 'web'), 'com.docker.compose.version': '2.40.3' },
    });
    expect(named(await readWorld(engine, kernel), 'app-web-1')).toMatchObject({ project: 'app', service: 'web' });
  });

  test('the labels of its creator beat those of its image', async () => {
    const { engine, kernel } = host();
    engine.addImage('evil', compose('app', 'db'));
    engine.run('shop-web-1', {
      image: 'evil',
      labels: { ...compose('shop', 'web'), 'com.docker.compose.config-hash': '77' },
    });
    expect(named(await readWorld(engine, kernel), 'shop-web-1')).toMatchObject({ project: 'shop', service: 'web' });
  });

  test('one whose image is gone is told, and may be whatever its labels say or something else', async () => {
    const { engine, kernel } = host();
    engine.addImage('old', {});
    const id = engine.run('orphan', { image: 'old', labels: compose('app', 'web') });
    engine.removeImage('old');
    const world = await readWorld(engine, kernel);
    expect(world.containers).toMatchObject([{ id, project: 'app', service: 'web', unproven: true }]);
    expect(world.unidentified).toMatchObject([{ id, name: 'orphan' }]);
  });
});

describe('which port of a bridge is whose', () => {
  test('each endpoint of a container on several networks has the port that leads to it', async () => {
    const { engine, kernel } = host();
    engine.addNetwork('front', '172.20.0.0/16');
    engine.addNetwork('back', '172.21.0.0/16');
    for (const name of ['a', 'b', 'c']) engine.run(name, { networks: ['front', 'back'] });
    const world = await readWorld(engine, kernel);
    const links = new Map(kernel.links().map((link) => [link.index, link]));
    for (const container of world.containers)
      for (const { network, port } of container.endpoints) {
        const bridge = world.networks.find(({ id }) => id === network)?.bridge;
        const link = links.get(port?.index ?? -1);
        expect(link).toMatchObject({ name: port?.name, master: bridge?.index });
        expect(link?.peer?.netns).toBe(kernel.netnsIdOf(container.pid ?? 0));
      }
    expect(new Set(world.containers.flatMap(({ endpoints }) => endpoints.map(({ port }) => port?.index))).size).toBe(6);
  });

  test('two containers never have the same port: where they would, neither is proven', async () => {
    const { engine, kernel } = host();
    const first = engine.run('first');
    engine.run('second');
    const pid = (await readWorld(engine, kernel)).containers.find(({ id }) => id === first)?.pid ?? 0;
    const second = kernel.netnsIdOf(pid + 2); // the fake counts a process and a veth each
    const lying = Object.create(kernel, { netnsIdOf: { value: () => second } }) as FakeKernel;
    const world = await readWorld(engine, { ...viewOf(kernel), netnsIdOf: (asked) => lying.netnsIdOf(asked) });
    expect(world.containers.map(({ endpoints }) => endpoints[0]?.port)).toEqual([null, null]);
  });

  test('a second veth into the same namespace on the same bridge proves nothing', async () => {
    const { engine, kernel } = host();
    engine.run('web');
    const pid = named(await readWorld(engine, kernel), 'web').pid ?? 0;
    kernel.veth('veth-more', 'docker0', pid);
    expect(named(await readWorld(engine, kernel), 'web').endpoints[0]?.port).toBeNull();
  });

  test('a network whose bridge has a name no rule can carry has no bridge, so its containers cannot be held', async () => {
    const { engine, kernel } = host();
    engine.addNetwork('odd', '172.22.0.0/16', { options: { 'com.docker.network.bridge.name': 'br"; drop' } });
    const { networks } = await readWorld(engine, kernel);
    expect(networks.find(({ name }) => name === 'odd')?.bridge).toBeNull();
  });
});

test('a container that shares a namespace has no endpoints of its own, and the resolvers of the other', async () => {
  const { engine, kernel } = host();
  const web = engine.run('web');
  engine.run('sidecar', { mode: `container:${web}` });
  engine.run('by-name', { mode: 'container:web' });
  const world = await readWorld(engine, kernel);
  for (const name of ['sidecar', 'by-name']) {
    expect(named(world, name)).toMatchObject({ networkMode: { kind: 'container', container: web }, endpoints: [] });
    expect(named(world, name).resolvers.map(formatAddress)).toEqual(['192.0.2.53']);
  }
});

function viewOf(kernel: FakeKernel) {
  return {
    links: () => kernel.links(),
    addresses: () => kernel.addresses(),
    isMapped: () => false,
    bridgeNetfilter: () => kernel.bridgeNetfilter(),
    hostname: () => kernel.hostname(),
    nameservers: () => kernel.nameservers(),
    engineSettings: () => kernel.engineSettings(),
  };
}
