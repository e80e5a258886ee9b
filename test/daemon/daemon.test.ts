import { describe, expect, test } from 'vitest';
import { patience } from '../../src/daemon/unlisted.ts';
import { uptime } from '../../src/daemon/uptime.ts';
import type { EngineNotice } from '../../src/docker/events.ts';
import { buildWorld } from '../generate/build.ts';
import { town } from '../ruleset/support.ts';
import { calm, DaemonHost, filesOf, intrusion, settled, soon, wait } from './host.ts';

describe('rules that somebody else changed', () => {
  test('are put back each time, also while the engine is away', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.engineAway = true;
    host.wake();
    await wait(50);
    for (let round = 1; round <= 3; round++) {
      host.loads.length = 0;
      host.guard.say(intrusion);
      await soon(() => expect(host.loads.length, `round ${round}`).toBeGreaterThan(0));
      await soon(async () => expect((await daemon.status()).repairs).toHaveLength(round));
    }
    await daemon.stop();
  });

  test('before the engine has ever answered are the remembered ones again', async () => {
    const host = new DaemonHost();
    host.engineAway = true;
    const text = 'table inet sluice { }';
    const daemon = await host.start({ rules: { boot: 'another', text } });
    await soon(() => expect(host.loads).toEqual([text]));
    await soon(() => expect(host.guards).toHaveLength(1));
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toEqual([text, text]));
    await daemon.stop();
  });

  test('are put back while the engine takes its time, and while there is an event every moment', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.engine = 60_000;
    host.wake();
    await wait(20);
    host.guard.say(intrusion);
    await soon(() => expect(host.loads.length).toBeGreaterThan(0));

    const busy = new DaemonHost();
    const other = await settled(busy);
    busy.slowness.engine = 10;
    const events = setInterval(() => busy.wake(), 5);
    await wait(50);
    busy.loads.length = 0;
    busy.guard.say(intrusion);
    await soon(() => expect(busy.loads.length).toBeGreaterThan(0));
    clearInterval(events);
    await other.stop();
    void daemon; // its last reading never ends
  });

  test('are put back while it is looked whether something was put beside ours', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.list = 60_000; // it is never seen to be alone, so nothing is filled anew
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toHaveLength(1));
    await soon(async () => expect((await daemon.status()).repairs).toHaveLength(1));
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toHaveLength(2));
    void daemon; // its last look never ends
  });

  test('took as long to put back as it took, though the clock is set back meanwhile', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.nft = 100;
    host.guard.say({ ...intrusion, at: uptime() });
    host.now = () => Date.now() - 3_600_000;
    await soon(() => expect(host.repairs).toHaveLength(1));
    const { at, took } = host.repairs[0] ?? { at: Number.NaN, took: Number.NaN };
    expect(took).toBeGreaterThanOrEqual(99);
    expect(took).toBeLessThan(60_000);
    expect(at + took).toBeLessThanOrEqual(host.now() + 1);
    expect(at + took).toBeGreaterThan(host.now() - 60_000);
    await daemon.stop();
  });

  test('are remembered in their order, though the disk takes its time with the first', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const disk = Promise.withResolvers<void>();
    host.disk = disk.promise;
    host.guard.say(intrusion);
    await soon(async () => expect((await daemon.status()).repairs).toHaveLength(1));
    host.disk = Promise.resolve();
    host.guard.say(intrusion);
    await soon(async () => expect((await daemon.status()).repairs).toHaveLength(2));
    await wait(20);
    disk.resolve();
    await soon(() => expect(host.repairs).toHaveLength(2));
    await wait(20);
    expect(host.repairs).toHaveLength(2);
    await daemon.stop();
  });

  test('are not filled anew after they were put back, unless something stands beside them', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toHaveLength(1));
    await calm(host);
    expect(host.loads).toHaveLength(1);
    host.beside = ['intruder'];
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toHaveLength(3));
    expect(host.loads.at(-1)).toContain('delete chain inet sluice intruder');
    await daemon.stop();
  });

  test('let nothing pass from enrolled bridges until they are back, and wait for nothing with that', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.nft = 1_000;
    host.files = filesOf('[private]');
    const change = daemon.reload();
    await wait(100); // a change of ours is on its way
    const before = host.loads.length;
    host.guard.say(intrusion);
    const enrolled = host.world.networks.flatMap((one) => (one.project === 'app' ? [one.bridge?.name] : []));
    expect(host.shut).toEqual([expect.arrayContaining(enrolled)]);
    expect(host.loads).toHaveLength(before);
    host.slowness.nft = 2;
    await change;
    await soon(() => expect(host.loads.at(-1)).toContain('flush table inet sluice'));
    await daemon.stop();
  });

  test('while nobody listened are found out when somebody does again', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.guard.say({ kind: 'broken', reason: 'test' });
    host.wake();
    await soon(() => expect(host.guards).toHaveLength(2));
    await soon(() => expect(host.loads.length).toBeGreaterThan(0));
    await daemon.stop();
  });

  test('during a change of ours are not taken for it', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.nft = 150;
    host.files = filesOf('[same-network]');
    const done = daemon.reload();
    await wait(100);
    host.guard.say({ kind: 'lost', what: 'rules' });
    await done;
    const loads = host.loads.length;
    await soon(() => expect(host.loads.length).toBeGreaterThan(loads));
    await daemon.stop();
  });
});

describe('a guard that breaks', () => {
  test('in the middle of a look is followed by one that is told everything', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.engine = 40;
    host.wake();
    await wait(20);
    host.guard.say({ kind: 'broken', reason: 'test' });
    await soon(() => expect(host.guards).toHaveLength(2));
    const [first] = host.guards;
    expect(first?.stopped).toBe(true);
    await soon(() => expect(host.guard.plans.length).toBeGreaterThan(0));
    expect(host.guard.plans[0]).toMatchObject({ heard: 0 });
    expect(host.guard.plans[0]?.seats.length).toBe(first?.plans[0]?.seats.length);
    expect(host.guard.plans[0]?.seats.length).toBeGreaterThan(0);
    await daemon.stop();
  });

  test('and says so twice is replaced once', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const [first] = host.guards;
    first?.say({ kind: 'broken', reason: 'a monitor ended' });
    host.wake();
    await soon(() => expect(host.guards).toHaveLength(2));
    first?.say({ kind: 'broken', reason: 'the thread ended' });
    await calm(host);
    expect(host.guards).toHaveLength(2);
    await daemon.stop();
    expect(host.guards.every(({ stopped }) => stopped)).toBe(true);
  });
});

describe('containers that come and go', () => {
  const event = (action: string, container = 'a'.repeat(64)): EngineNotice => ({
    kind: 'event',
    event: { kind: 'container', action, container, at: 0n },
  });

  test('leave their rules behind, and find them again', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const { world } = host;
    host.world = { ...world, containers: world.containers.filter(({ project }) => project !== 'app') };
    host.notice(event('destroy'));
    await soon(() => expect(host.guard.plans.at(-1)?.gone.length).toBeGreaterThan(0));
    expect((await daemon.status()).workloads).toEqual([]);
    host.world = world;
    host.notice(event('create'));
    await soon(() => expect(host.guard.plans.at(-1)?.seats.length).toBeGreaterThan(0));
    expect(host.loads).toEqual([]);
    await daemon.stop();
  });

  test('leave nothing behind that another policy would find', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const { world } = host;
    host.world = { ...world, containers: world.containers.filter(({ name }) => name !== 'app-web-1') };
    host.notice(event('destroy'));
    await soon(() => expect(host.guard.plans.at(-1)?.gone.length).toBeGreaterThan(0));
    expect(host.loads).toEqual([]);
    host.files = filesOf('[same-network]');
    await daemon.reload();
    expect(host.loads.join('')).toMatch(/delete chain inet sluice "?\S*app\/web/);
    await daemon.stop();
  });

  test('are looked at when they come, and a little later when they go', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const before = host.readings;
    for (const action of ['die', 'destroy']) host.notice(event(action));
    expect(host.readings).toBe(before);
    host.notice(event('create'));
    await soon(() => expect(host.readings).toBe(before + 1));
    await calm(host, 300);
    expect(host.readings).toBe(before + 1);
    host.notice(event('die'));
    await soon(() => expect(host.readings).toBe(before + 2));
    await daemon.stop();
  });

  test('are not looked at while they begin, where the guard has a seat for them', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const [seat] = host.guard.plans.flatMap(({ seats }) => seats);
    if (seat === undefined) throw new Error('nobody has a seat');
    const { container, network } = seat;
    const connected = { kind: 'network', action: 'connect', network, container, at: 0n } as const;
    const before = host.readings;
    const began = performance.now();
    for (let one = 0; one < 10; one++) {
      host.notice({ kind: 'event', event: connected });
      await wait(20);
    }
    // not even once where this took so long that it was due
    if (performance.now() - began < 1_000) expect(host.readings).toBe(before);
    await soon(() => expect(host.readings).toBe(before + 1));
    await calm(host, 300);
    // ports that it publishes are there when it has started
    host.notice(event('start', container));
    await soon(() => expect(host.readings).toBe(before + 2));
    host.notice({ kind: 'event', event: { ...connected, network: 'n'.repeat(64) } });
    await soon(() => expect(host.readings).toBe(before + 3));
    await daemon.stop();
  });

  test('are looked at when nobody has come for a moment, or for a second: who comes all the while waits no longer', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const before = host.readings;
    const events = setInterval(() => host.notice(event('die')), 20);
    await soon(() => expect(host.readings).toBe(before + 1));
    await soon(() => expect(host.readings).toBeGreaterThan(before + 1));
    clearInterval(events);
    await daemon.stop();
  });

  test('are looked at again when somebody comes during the look', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.slowness.engine = 500;
    const plans = host.guard.plans.length;
    const before = host.readings;
    host.notice(event('create'));
    await soon(() => expect(host.readings).toBe(before + 1));
    host.notice(event('create'));
    await soon(() => expect(host.guard.plans.length).toBeGreaterThan(plans));
    await calm(host, 600);
    expect(host.readings).toBe(before + 2);
    expect(host.guard.plans).toHaveLength(plans + 1);
    await daemon.stop();
  });
});

test('a guard that cannot be started is a trouble, and is tried again', async () => {
  const host = new DaemonHost();
  host.threadsFail = true;
  const daemon = await host.start();
  await soon(() => expect(host.applied).not.toBeNull());
  expect((await daemon.status()).troubles.map(({ code }) => code)).toEqual(['unguarded']);
  host.threadsFail = false;
  await soon(async () => expect((await daemon.status()).troubles).toEqual([]));
  await daemon.stop();
});

describe('a bridge that the guard has shut because it appeared', () => {
  const bridge = { name: 'br-0123456789ab', index: 900 };
  const closed = { kind: 'closed', serial: 1, bridge, why: 'new' } as const;
  const opened = (host: DaemonHost) =>
    host.elements.some(({ remove }) =>
      remove.some(
        ({ set, element: { key } }) =>
          set === 'ports' && key[0] !== undefined && 'low' in key[0] && key[0].low === 900n,
      ),
    );

  test('stays shut while the engine cannot be read, however long that takes, and opens soon after', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    host.engineAway = true;
    host.guard.say({ ...closed, bridge: { name: 'virbr7', index: 900 } });
    await wait(patience.others + 300);
    host.guard.say(intrusion); // what is in doubt is held to what ran before
    await soon(() => expect(host.loads).not.toEqual([]));
    await calm(host);
    expect(opened(host)).toBe(false);
    host.engineAway = false;
    host.loads.length = 0;
    host.wake();
    await soon(() => expect(opened(host)).toBe(true));
    await daemon.stop();
  });

  test('stays shut while its network is listed and nobody is on it, over a filling of everything, too', async () => {
    const host = new DaemonHost();
    const daemon = await settled(host);
    const some = host.world.networks[0];
    if (some === undefined) throw new Error('no network');
    const network = { ...some, id: 'e'.repeat(64), name: 'late', project: null, composeKey: null };
    host.guard.say(closed);
    host.world = {
      ...host.world,
      networks: [...host.world.networks, { ...network, bridge: { ...bridge, mac: '02:42:00:00:00:01' } }],
    };
    host.wake();
    await calm(host);
    host.loads.length = 0;
    host.guard.say(intrusion);
    await soon(() => expect(host.loads).toHaveLength(1));
    expect(host.loads.at(-1)).toMatch(/set ports \{[^}]*\b900\b|add element inet sluice ports \{[^}]*\b900\b/);
    expect(opened(host)).toBe(false);

    const [someone] = host.world.containers;
    if (someone === undefined) throw new Error('no container');
    const free = {
      ...someone,
      id: 'f'.repeat(64),
      name: 'free',
      project: null,
      service: null,
      labels: new Map(),
      running: false,
      pid: null,
    };
    const endpoints = someone.endpoints
      .slice(0, 1)
      .map((one) => ({ ...one, network: 'late', addresses: [], mac: null, port: null }));
    host.world = { ...host.world, containers: [...host.world.containers, { ...free, endpoints }] };
    host.wake();
    await soon(() => expect(opened(host)).toBe(true));
    await daemon.stop();
  });
});

test('who cannot be held is a trouble, but not who took its own interface away and is cut off', async () => {
  const host = new DaemonHost();
  const [, , ...others] = town.containers;
  host.world = buildWorld({
    ...town,
    containers: [
      { name: 'app-web-1', workload: 'app/web', on: ['app_default'], lacks: 'port' },
      { name: 'app-db-1', workload: 'app/db', mode: 'host' },
      ...others,
    ],
  });
  const daemon = await settled(host);
  await soon(async () => expect((await daemon.status()).troubles).toMatchObject([{ code: 'not-held' }]));
  const { troubles, unheld } = await daemon.status();
  expect(troubles[0]?.message).toBe('app/db cannot be held');
  expect(unheld.map(({ workload, cutOff }) => [workload, cutOff])).toEqual(
    expect.arrayContaining([
      ['app/web', true],
      ['app/db', false],
    ]),
  );
  host.world = { ...host.world, containers: host.world.containers.filter(({ name }) => name !== 'app-db-1') };
  host.wake();
  await soon(async () => expect(await daemon.status()).toMatchObject({ state: 'enforcing', troubles: [] }));
  await wait(3_500); // as long as it may pass
  host.wake();
  await calm(host);
  expect(await daemon.status()).toMatchObject({ state: 'enforcing', unheld: [{ workload: 'app/web' }] });
  await daemon.stop();
});
