import { describe, expect, test } from 'vitest';
import { errnos, NetlinkError } from '../../src/netlink/error.ts';
import { address, bridge, FakeHost, idOf, member, network, seat, vethLink } from './fake-kernel.ts';

const [macA, macB, macC] = ['02:42:ac:1e:00:02', '02:42:ac:1e:00:03', '02:42:ac:1e:00:04'];
const [a, b] = [member('a', macA, '172.30.0.2'), member('b', macB, '172.30.0.3')];
const linkLocalA = 'fe80::42:acff:fe1e:2';

describe('a newcomer', () => {
  test('is seated as soon as the engine lists it, with its MAC, addresses and link-local address', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    await host.pass(30);
    expect(host.sets.size).toBe(0);
    host.members = [a];
    await host.pass(3);
    const [said] = host.of('seated');
    expect(said).toMatchObject({ seated: { container: idOf('a'), network }, joined: 1_000_000, replaced: [] });
    expect(said?.seated.place).toEqual({
      port: { name: 'veth10', index: 10 },
      mac: macA,
      addresses: [address('172.30.0.2'), address(linkLocalA)],
    });
    expect(said?.stood).toBeLessThanOrEqual(1_000_033);
    expect([host.judge('172.30.0.2'), host.judge(linkLocalA), host.batches]).toEqual(['judge/a', 'judge/a', 1]);
  });

  test('is asked for about every millisecond at first, then less and less, and given up after half a minute', async () => {
    const host = new FakeHost();
    host.plan();
    host.join(10, macA);
    await host.pass(100);
    expect(host.questions).toBeGreaterThan(80);
    await host.pass(40_000);
    expect(host.questions).toBeLessThan(1_500);
    const asked = host.questions;
    expect(host.of('stranger')).toEqual([{ kind: 'stranger', bridge: 'br-test', port: { name: 'veth10', index: 10 } }]);
    host.members = [a];
    host.plan({ seats: [seat('a')] });
    host.guard.hear({ kind: 'look', network });
    await host.pass(100);
    expect([host.questions, host.sets.size]).toEqual([asked, 0]);
  });

  test('waits while the other end is not in a container, whatever MAC it has, and is found when it is', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, null);
    host.members = [a];
    await host.pass(200);
    expect(host.sets.size).toBe(0);
    host.move(10, macA);
    await host.pass(20);
    expect(host.judge('172.30.0.2')).toBe('judge/a');
  });

  test('is not known by an answer that was asked for before its port joined', async () => {
    const host = new FakeHost();
    host.prompt = false;
    host.plan({ seats: [seat('a'), seat('former')] });
    host.join(11, macC);
    host.now++;
    host.join(10, macA);
    await host.answer([member('former', macA, '172.30.0.2')]); // asked for the first one, of the time before
    host.now++;
    await host.pass(5);
    await host.answer([a]);
    expect(host.judge('172.30.0.2')).toBe('judge/a');
  });

  test('without a seat keeps its place until the plan brings one', async () => {
    const host = new FakeHost();
    host.plan();
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    const { questions } = host;
    await host.pass(60_000);
    expect([host.questions, host.of('stranger').length, host.sets.size]).toEqual([questions, 0, 0]);
    host.plan({ seats: [seat('a')] });
    expect(host.judge('172.30.0.2')).toBe('judge/a');
  });

  test('whose seat is on a bridge of the time before waits for the right one', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a', 'a', { ...bridge, index: 77 })] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    expect(host.sets.size).toBe(0);
    host.plan({ seats: [seat('a')] });
    expect(host.judge('172.30.0.2')).toBe('judge/a');
  });

  test('on a bridge that is enrolled a moment later is found', async () => {
    const host = new FakeHost();
    host.join(10, macA);
    host.members = [a];
    await host.pass(50);
    expect(host.questions).toBe(0);
    host.plan({ seats: [seat('a')] });
    await host.pass(5);
    expect(host.judge('172.30.0.2')).toBe('judge/a');
  });

  test('that comes with 199 others shares its questions with them, and all are seated', async () => {
    const host = new FakeHost();
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    const macOf = (index: number) => `02:42:ac:1e:01:${index.toString(16).padStart(2, '0')}`;
    host.plan({ seats: numbers.map((index) => seat(`c${index}`)) });
    for (const index of numbers) host.join(100 + index, macOf(index));
    await host.pass(20);
    expect(host.questions).toBeLessThan(25);
    host.members = numbers.map((index) => member(`c${index}`, macOf(index), `172.30.1.${index + 1}`));
    await host.pass(30);
    expect(host.of('seated').length).toBe(200);
    for (const index of numbers) expect(host.judge(`172.30.1.${index + 1}`)).toBe(`judge/c${index}`);
  });
});

describe('who is behind a port', () => {
  test('is told by addresses where two members have one MAC', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.join(10, macA, ['172.30.0.3']);
    host.join(11, macA, ['172.30.0.2']);
    host.members = [a, { ...b, mac: macA }];
    await host.pass(10);
    const ports = host.of('seated').map(({ seated }) => [seated.container, seated.place.port.index]);
    expect(new Map(ports as [string, number][])).toEqual(
      new Map([
        [idOf('a'), 11],
        [idOf('b'), 10],
      ]),
    );
  });

  test.each([
    ['two ports show the same MAC and address', ['172.30.0.2'], ['172.30.0.2']],
    ['two ports show the same MAC and no address', [], []],
  ])('is not guessed when %s', async (_what, first, second) => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA, first);
    host.join(11, macA, second);
    host.members = [a];
    await host.pass(500);
    expect(host.sets.size).toBe(0);
  });

  test('is nobody who sits already: a MAC taken from a neighbour gains nothing', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.join(11, macA, ['172.30.0.2']);
    await host.pass(500);
    expect(host.of('seated').length).toBe(1);
    expect([host.proves(10), host.proves(11)]).toEqual([true, false]);
  });
});

describe('an address that goes to somebody else', () => {
  test('takes the former holder out in the batch that seats the newcomer', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.join(11, macB);
    host.members = [member('b', macB, '172.30.0.2')];
    await host.pass(10);
    expect(host.of('seated').at(-1)).toMatchObject({ seated: { container: idOf('b') }, replaced: [10] });
    expect([host.batches, host.judge('172.30.0.2'), host.judge(linkLocalA), host.proves(10)]).toEqual([
      2,
      'judge/b',
      undefined,
      false,
    ]);
  });

  test('is taken even when nobody here knew of its holder', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    const left = new FakeHost();
    for (const [id, one] of host.sets) left.sets.set(id, one);
    left.plan({ seats: [seat('b')] });
    left.join(11, macB);
    left.members = [member('b', macB, '172.30.0.2')];
    await left.pass(10);
    expect(left.judge('172.30.0.2')).toBe('judge/b');
  });

  test('of the same container is moved: its earlier place on the network goes', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.join(11, macC);
    host.members = [member('a', macC, '172.30.0.9', 'another')];
    await host.pass(10);
    expect([host.judge('172.30.0.2'), host.judge('172.30.0.9')]).toEqual([undefined, 'judge/a']);
    expect([host.proves(10), host.proves(11)]).toEqual([false, true]);
  });

  test('a link-local address that a neighbour has who is judged otherwise is not the newcomer’s', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.join(10, macA, ['172.30.0.2']);
    host.members = [a];
    await host.pass(10);
    host.join(11, macA, ['172.30.0.3']);
    host.members = [a, { ...b, mac: macA }];
    await host.pass(10);
    expect(host.of('seated').at(-1)?.seated.place.addresses).toEqual([address('172.30.0.3')]);
    expect([host.judge('172.30.0.2'), host.judge('172.30.0.3'), host.judge(linkLocalA)]).toEqual([
      'judge/a',
      'judge/b',
      'judge/a',
    ]);
    host.remove(11);
    expect([host.judge('172.30.0.2'), host.proves(10)]).toEqual(['judge/a', true]);
    expect([...host.sets.values()].some(({ set }) => set === 'held-macs')).toBe(true);
  });
});

describe('a port that goes', () => {
  test.each<[string, (host: FakeHost) => void]>([
    ['by deletion', (host) => host.remove(10)],
    ['from its bridge', (host) => host.guard.hearLinks([{ kind: 'parted', index: 10 }])],
    ['to another bridge', (host) => host.join(10, macA, [], 99)],
    [
      'while events are lost',
      (host) => {
        host.silently(10, null);
        host.guard.hearLoss();
      },
    ],
  ])('%s takes its elements with it', async (_how, go) => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    go(host);
    expect(host.sets.size).toBe(0);
    expect(host.of('left')).toMatchObject([{ port: 10, serial: 2 }]);
  });

  test('before it was known is forgotten', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.remove(10);
    host.members = [a];
    await host.pass(100);
    expect([host.sets.size, host.of('left').length, host.of('stranger').length]).toEqual([0, 0, 0]);
  });

  test('and whose index is given to another veth is another port', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.remove(10);
    host.join(10, macB);
    host.members = [b];
    await host.pass(10);
    expect([host.judge('172.30.0.2'), host.judge('172.30.0.3')]).toEqual([undefined, 'judge/b']);
  });
});

describe('a kernel that refuses', () => {
  const missing = () => new NetlinkError('refused', 'no such chain', errnos.ENOENT);

  test('a newcomer: it is denied, told, and tried again with the next plan', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.refusals.push(missing());
    host.join(10, macA);
    host.members = [a];
    await host.pass(50);
    expect(host.of('failed')).toMatchObject([{ container: idOf('a'), network, reason: 'no such chain' }]);
    expect(host.sets.size).toBe(0);
    host.plan({ seats: [seat('a', 'new')] });
    expect(host.judge('172.30.0.2')).toBe('judge/new');
  });

  test('to let go of somebody: it is told, and tried again with the next plan', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.refusals.push(missing());
    host.remove(10);
    expect([host.of('failed').length, host.of('left').length]).toEqual([1, 0]);
    host.plan();
    expect([host.sets.size, host.of('left').length]).toEqual([0, 1]);
  });
});

test('after lost events, ports that came meanwhile are looked for', async () => {
  const host = new FakeHost();
  host.plan({ seats: [seat('a')] });
  host.move(10, macA);
  host.guard.hearLoss();
  host.members = [a];
  await host.pass(10);
  expect(host.judge('172.30.0.2')).toBe('judge/a');
});

describe('a list of interfaces that cannot be read, since it changes all the time', () => {
  const changing = new NetlinkError('timeout', "the kernel's list changed during each of 10 readings");

  test('after lost events is read again until it can be, and what comes meanwhile is heard', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a'), seat('b')] });
    host.members = [a, b];
    host.unlisted = [changing, changing, changing];
    host.move(10, macA);
    host.guard.hearLoss();
    host.join(11, macB);
    await host.pass(20);
    expect([host.judge('172.30.0.2'), host.judge('172.30.0.3')]).toEqual([undefined, 'judge/b']);
    await host.pass(500);
    expect([host.judge('172.30.0.2'), host.judge('172.30.0.3')]).toEqual(['judge/a', 'judge/b']);
    expect(host.unlisted).toEqual([]);
  });

  test('is read once however often events are lost meanwhile', async () => {
    const host = new FakeHost();
    host.plan();
    const before = host.lists;
    host.unlisted = [changing, changing, changing];
    for (let loss = 0; loss < 3; loss++) host.guard.hearLoss();
    expect(host.lists).toBe(before + 3);
    await host.pass(1_000);
    expect(host.lists).toBe(before + 4);
  });

  test('ends the guard when that goes on for seconds', async () => {
    const host = new FakeHost();
    host.plan();
    host.unlisted = Array.from({ length: 1_000 }, () => changing);
    host.guard.hearLoss();
    await expect(host.pass(60_000)).rejects.toThrow(changing);
  });

  test('when the guard begins: it waits, and whoever came meanwhile was there before it', async () => {
    const host = new FakeHost([changing, changing]);
    let isBegun = false;
    void host.begun.then(() => {
      isBegun = true;
    });
    host.join(10, macA);
    host.guard.hearLoss();
    await host.pass(40);
    expect([isBegun, host.said]).toEqual([false, []]);
    await host.pass(100);
    expect([isBegun, host.lists]).toEqual([true, 3]);
    host.plan({ seats: [seat('a')] });
    host.members = [a];
    await host.pass(100);
    expect([host.questions, host.sets.size]).toEqual([0, 0]);
  });

  test('for another reason than the kernel’s is a mistake of ours, and not tried again', () => {
    const host = new FakeHost();
    host.unlisted = [new TypeError('a mistake')];
    expect(() => host.guard.hearLoss()).toThrow('a mistake');
  });
});

test('a port that was there before the guard is the main thread’s to judge', async () => {
  const host = new FakeHost();
  host.silently(10, vethLink(10, bridge.index, { index: 1010, netns: 10 }));
  await host.guard.begin();
  host.plan({ seats: [seat('a')] });
  host.members = [a];
  await host.pass(100);
  expect([host.questions, host.sets.size]).toEqual([0, 0]);
});
