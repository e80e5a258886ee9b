import { describe, expect, test } from 'vitest';
import { address, bridge, FakeHost, idOf, member, open, seat } from './fake-kernel.ts';

const [macA, ipA] = ['02:42:ac:1e:00:02', '172.30.0.2'];
const lenient = { ...bridge, strict: false };
const known = (name: string, ...bridges: number[]) => ({ container: idOf(name), bridges, free: false });
const bars = ({ sets }: FakeHost) => [...sets.keys()].map((id) => id.trim()).toSorted();
const barOf = (port: number) => [`bridge ports ${port}`, `inet ports ${port}`];

/** Somebody behind port 10 of a bridge that is not enrolled. */
function newcomer(): FakeHost {
  const host = new FakeHost();
  host.residents.set(idOf('a'), [10]);
  return host;
}

describe('a container of which nobody has told', () => {
  test('that comes to a bridge which is not enrolled sends nothing from its port', async () => {
    const host = newcomer();
    host.plan();
    host.join(10, macA, [ipA], open, false);
    await host.pass(1);
    expect(bars(host)).toEqual(barOf(10));
    const port = { name: 'veth10', index: 10 };
    expect(host.of('barred')).toEqual([{ kind: 'barred', serial: 1, port, container: idOf('a') }]);
    await host.pass(6_000);
    expect([host.batches, host.of('barred').length]).toEqual([1, 1]);
  });

  test('is found when its processes, or its end of the veth, come later', async () => {
    const host = new FakeHost();
    host.plan();
    host.join(10, null, [], open);
    await host.pass(50);
    host.residents.set(idOf('a'), [2]); // where runc begins
    await host.pass(20);
    expect(bars(host)).toEqual([]);
    host.residents.set(idOf('a'), [10]);
    host.silently(10, {
      ...(host.linkOf(10) as NonNullable<ReturnType<FakeHost['linkOf']>>),
      peer: { index: 1010, netns: 10 },
    });
    await host.pass(25);
    expect(bars(host)).toEqual(barOf(10));
  });

  test('is not barred where it was told of, nor before anybody was', async () => {
    const host = newcomer();
    host.join(10, macA, [ipA], open);
    await host.pass(100);
    expect(bars(host)).toEqual([]);
    host.plan({ announced: [known('a', open)] });
    await host.pass(6_000);
    expect(host.batches).toBe(0);
  });

  test('is let be where nobody who is not known may send', async () => {
    const host = newcomer();
    host.plan();
    host.join(10, macA, [ipA]);
    await host.pass(100);
    expect(host.of('barred')).toEqual([]);
  });

  test('sends nothing on docker0 while builds may run there, where a build does', async () => {
    const host = newcomer();
    host.plan({ bridges: [lenient] });
    host.join(11, macA, [ipA]); // a build's, which has no group
    host.join(10, macA, [ipA]);
    await host.pass(20);
    expect(bars(host)).toEqual(barOf(10));
  });

  test('takes the port with it whose namespace it is in, whoever sits there', async () => {
    const host = newcomer();
    host.plan({ seats: [seat('a')], announced: [known('a', bridge.index)] });
    host.join(10, macA, [ipA]);
    await host.pass(5);
    expect([host.judge(ipA), host.proves(10)]).toEqual(['judge/a', true]);
    host.residents.set(idOf('joiner'), [10]);
    host.guard.hearGroup(idOf('joiner'));
    await host.pass(1);
    expect(bars(host)).toEqual(barOf(10));
    expect(host.of('barred')).toMatchObject([{ container: idOf('joiner') }]);
  });

  test('is found by its processes where its group is hidden', async () => {
    const host = new FakeHost();
    host.plan({ announced: [known('b', open)] });
    host.processes = [{ netns: 10, containers: [idOf('b'), idOf('a')] }];
    host.join(10, macA, [ipA], open);
    await host.pass(5);
    expect(bars(host)).toEqual(barOf(10));
    host.processes = [
      { netns: 11, containers: [idOf('b')] },
      { netns: 12, containers: [] },
    ];
    host.join(11, macA, [ipA], open);
    host.join(12, macA, [ipA], open);
    await host.pass(6_000);
    expect(host.of('barred')).toHaveLength(1);
  });

  test('is found as a joiner while not all groups are told of', async () => {
    const host = new FakeHost();
    host.plan({ announced: [known('b', open)] });
    host.residents.set(idOf('b'), [10]);
    host.join(10, macA, [ipA], open);
    await host.pass(6_000);
    host.guard.hearOverflow();
    host.processes = [{ netns: 10, containers: [idOf('joiner')] }];
    await host.pass(15);
    expect(host.of('barred')).toMatchObject([{ container: idOf('joiner') }]);
  });

  test('is unknown from the beginning where nobody can tell who is there, and who was there is not', async () => {
    const host = new FakeHost();
    host.residents.set(idOf('before'), [11]);
    host.join(11, macA, [ipA], open);
    host.guard.hear({ kind: 'blind' });
    host.residents.set(idOf('a'), [10]);
    host.join(10, macA, [ipA], open);
    await host.pass(5);
    expect(host.of('barred')).toMatchObject([{ port: { index: 10 } }]);
    host.plan({ announced: [known('a', open)] });
    expect(host.of('barred')).toMatchObject([{ port: { index: 10 } }, { port: { index: 11 } }]);
  });

  test('is looked into when it is a folder that is called like one, and is no work when it stays empty', async () => {
    const host = new FakeHost();
    host.plan();
    host.residents.set(idOf('folder'), []);
    host.guard.hearGroup(idOf('folder'));
    await host.pass(20_000);
    const looks = host.within.length;
    expect(looks).toBeGreaterThan(0);
    host.join(10, macA, [ipA], open);
    await host.pass(6_000);
    expect(host.within.length).toBe(looks);
  });

  test('is nobody’s business on a bridge that is not the engine’s', async () => {
    const host = newcomer();
    host.plan({ engines: [] });
    host.join(10, macA, [ipA], open);
    await host.pass(100);
    expect(host.of('barred')).toEqual([]);
    host.plan({ engines: [open] });
    await host.pass(5);
    expect(host.of('barred')).toHaveLength(1);
  });

  test('and was there before the daemon is found with the first plan', () => {
    const host = newcomer();
    host.join(10, macA, [ipA], open);
    host.plan();
    expect(bars(host)).toEqual(barOf(10));
  });
});

describe('a container that was told of', () => {
  test('sends nothing by a bridge of which nobody has told, when it has just started', async () => {
    const host = new FakeHost();
    host.plan({ announced: [known('a', 51)] });
    host.residents.set(idOf('a'), [10, 11]);
    host.guard.hearGroup(idOf('a'));
    host.join(11, macA, [ipA], 51);
    host.join(10, macA, [ipA], open);
    await host.pass(5);
    expect(bars(host)).toEqual(barOf(10));
  });

  test('and to whom nothing is forbidden may be on others, unless it is judged on one', async () => {
    for (const seats of [[], [seat('a')]]) {
      const host = new FakeHost();
      host.plan({ seats, announced: [{ ...known('a', 51), free: true }] });
      host.residents.set(idOf('a'), [10]);
      host.guard.hearGroup(idOf('a'));
      host.join(10, macA, [ipA], open);
      await host.pass(5);
      expect(bars(host)).toEqual(seats.length === 0 ? [] : barOf(10));
    }
  });

  test('sends nothing by another bridge when it has been taken off its own, however long it has run', async () => {
    const host = newcomer();
    host.plan({ seats: [seat('a')], announced: [known('a', bridge.index)] });
    host.join(10, macA, [ipA]);
    await host.pass(20_000);
    host.remove(10);
    host.residents.set(idOf('a'), [11]);
    host.join(11, macA, [ipA], open);
    await host.pass(5);
    expect(bars(host)).toEqual(barOf(11));
  });

  test('and belongs to another engine may be anywhere', async () => {
    const host = newcomer();
    host.plan({ announced: [{ container: idOf('a'), bridges: null, free: true }] });
    host.join(10, macA, [ipA], open);
    await host.pass(100);
    expect(bars(host)).toEqual([]);
  });
});

describe('a barred port', () => {
  async function barred(): Promise<FakeHost> {
    const host = newcomer();
    host.plan();
    host.join(10, macA, [ipA], open);
    await host.pass(1);
    return host;
  }

  test('is let go by a plan that knows of it and does not name it, and stays by one that does', async () => {
    const host = await barred();
    host.plan({ barred: [10] });
    host.join(10, macA, [ipA], open);
    await host.pass(100);
    expect(host.batches).toBe(1);
    host.sets.clear(); // the main thread's transaction
    host.plan({ announced: [known('a', open)] });
    await host.pass(100);
    expect([host.batches, bars(host)]).toEqual([1, []]);
  });

  test('is barred again after a plan that had not heard of it', async () => {
    const host = await barred();
    host.sets.clear();
    host.plan({ heard: 0 });
    expect(bars(host)).toEqual(barOf(10));
  });

  test('is nobody’s seat, and its holder’s again afterwards', async () => {
    const host = newcomer();
    host.plan({ seats: [seat('a')], announced: [known('a', bridge.index)] });
    host.join(10, macA, [ipA]);
    await host.pass(5);
    host.residents.set(idOf('joiner'), [10]);
    host.guard.hearGroup(idOf('joiner'));
    const place = { port: { name: 'veth10', index: 10 }, mac: macA, addresses: [address(ipA)] };
    // of before it heard: what that has put back is taken out again
    host.plan({ seated: [{ ...seat('a'), place }], heard: 1 });
    host.members = [member('a', macA, ipA)];
    await host.pass(50);
    expect([host.proves(10), host.judge(ipA)]).toEqual([false, undefined]);
    expect(bars(host)).toEqual(barOf(10));
    host.sets.clear();
    host.plan({ announced: [known('joiner', bridge.index)], seated: [{ ...seat('a'), place }] });
    host.remove(10);
    expect(host.of('left')).toMatchObject([{ port: 10 }]);
  });

  test('of another guard’s is told of when it is gone, before or later', async () => {
    const host = newcomer();
    host.join(10, macA, [ipA], open);
    host.plan({ announced: [known('a', open)], barred: [10, 77] });
    expect(host.of('unbarred').map(({ port }) => port)).toEqual([77]);
    host.remove(10);
    expect(host.of('unbarred').map(({ port }) => port)).toEqual([77, 10]);
  });

  test('that is gone is told of', async () => {
    const host = await barred();
    host.remove(10);
    expect([bars(host), host.of('unbarred')]).toEqual([[], [{ kind: 'unbarred', serial: 2, port: 10 }]]);
  });
});
