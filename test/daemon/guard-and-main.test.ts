import { describe, expect, test } from 'vitest';
import { address, bridgeLink, FakeHost, member, seat } from './fake-kernel.ts';

const macA = '02:42:ac:1e:00:02';
const a = member('a', macA, '172.30.0.2');

describe('the main thread', () => {
  test('that made rules before it heard of a seating gets it set again, by the seat of now', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.sets.clear(); // a refill from empty sets
    host.plan({ seats: [seat('a', 'new')], heard: 0 });
    expect(host.judge('172.30.0.2')).toBe('judge/new');
    expect(host.of('seated').map(({ serial }) => serial)).toEqual([1, 2]);
    const { batches } = host;
    host.plan();
    expect(host.batches).toBe(batches);
  });

  test('that put somebody back who has left since is set right', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    const stood = [...host.sets];
    host.remove(10);
    for (const [id, one] of stood) host.sets.set(id, one);
    host.plan({ heard: 1 });
    expect(host.sets.size).toBe(0);
  });

  test('that seats somebody whose port is gone is told so', () => {
    const host = new FakeHost();
    const place = { port: { name: 'veth10', index: 10 }, mac: macA, addresses: [address('172.30.0.2')] };
    host.plan({ seated: [{ ...seat('a'), place }] });
    expect(host.of('left')).toMatchObject([{ port: 10 }]);
  });

  test('that seats a newcomer ends the search for it', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    await host.pass(10);
    const place = { port: { name: 'veth10', index: 10 }, mac: macA, addresses: [address('172.30.0.2')] };
    host.plan({ seated: [{ ...seat('a'), place }] });
    host.members = [a];
    await host.pass(100);
    expect(host.batches).toBe(0);
    host.remove(10);
    expect(host.of('left').length).toBe(1);
  });

  test('that enrols a bridge no more: whoever was seated there leaves', async () => {
    const host = new FakeHost();
    host.plan({ seats: [seat('a')] });
    host.join(10, macA);
    host.members = [a];
    await host.pass(10);
    host.plan({ bridges: [] });
    expect([host.sets.size, host.of('left').length]).toEqual([0, 1]);
  });

  test('hears of bridges that come and go', () => {
    const host = new FakeHost();
    host.guard.hearLinks([{ kind: 'there', link: bridgeLink('br-new', 50) }]);
    host.guard.hearLinks([
      { kind: 'there', link: bridgeLink('br-new', 50) },
      { kind: 'gone', index: 50 },
    ]);
    expect(host.of('bridges')).toEqual([
      { kind: 'bridges', name: 'br-new', index: 50, there: true },
      { kind: 'bridges', name: 'br-new', index: 50, there: false },
    ]);
  });
});

describe('a bridge that appears', () => {
  const appeared = 'inet ports 50';
  const shut = ({ sets }: FakeHost) => [...sets.keys()].map((id) => id.trim());
  const there = { kind: 'there', link: bridgeLink('br-0123456789ab', 50) } as const;

  test('is shut before anybody tells whose it is, once', () => {
    const host = new FakeHost();
    host.guard.hearLinks([there, there]);
    expect(shut(host)).toEqual([appeared]);
    const bridge = { name: 'br-0123456789ab', index: 50 };
    expect(host.of('closed')).toEqual([{ kind: 'closed', serial: 1, bridge, why: 'new' }]);
  });

  test('is shut again after a plan that did not reckon with it, and not after one that did', () => {
    const host = new FakeHost();
    host.guard.hearLinks([there]);
    host.sets.clear();
    host.plan({ heard: 0 });
    expect(shut(host)).toEqual([appeared]);
    host.sets.clear();
    host.plan();
    expect(shut(host)).toEqual([]);
  });

  test('and is gone before the main thread heard of it is not shut again, and its successor is', () => {
    const host = new FakeHost();
    host.guard.hearLinks([there, { kind: 'gone', index: 50 }]);
    host.sets.clear();
    host.plan({ heard: 0 });
    expect(shut(host)).toEqual([]);
    host.guard.hearLinks([{ kind: 'there', link: bridgeLink('br-0123456789ab', 51) }]);
    expect(shut(host)).toEqual(['inet ports 51']);
  });

  test('under a name that no rule can carry is shut, too', () => {
    const host = new FakeHost();
    host.guard.hearLinks([{ kind: 'there', link: bridgeLink('br;"x', 50) }]);
    expect(shut(host)).toEqual([appeared]);
  });

  test('is let be when it was there before anybody looked', () => {
    expect(shut(new FakeHost())).toEqual([]);
  });
});
