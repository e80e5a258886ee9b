import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { runInside } from './inside/run.ts';

interface Shown {
  readonly id: number;
  readonly mark: number;
  readonly timeout: number | null;
  readonly original: ShownTuple;
  readonly reply: ShownTuple;
}
interface ShownTuple {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly port?: number;
  readonly kind: string;
  readonly type?: number;
}

describe('the conversations of a Docker host', () => {
  let site: Site;
  let from: { v4: string; v6: string };
  beforeAll(async () => {
    site = await openSite({ engine: '28.5', routed: true });
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const [address] = (await site.host.container('app/app')).addresses;
    from = { v4: address?.v4 ?? '', v6: address?.v6 ?? '' };
  });
  afterAll(() => site?.stop());

  const list = async (source?: string) =>
    (await runInside(site.host, 'flows', 'list', ...(source ? [source] : []))) as Shown[];

  test.each(['v4', 'v6'] as const)(
    'tcp, udp and ping of a container are listed with both tuples, %s',
    async (family) => {
      const to = site.ten[family];
      for (const probe of await site.host.probeMany([
        { from: 'app/app', to, port: 5432 },
        { from: 'app/app', to, port: 5353, proto: 'udp' },
        { from: 'app/app', to, proto: 'icmp' },
      ]))
        expect(probe.arrived).toBe(true);
      const flows = (await list(from[family])).filter(({ original }) => original.destination === to);
      const protocols = flows.map(({ original }) => original.protocol).toSorted((a, b) => a - b);
      expect(protocols).toEqual(family === 'v4' ? [1, 6, 17] : [6, 17, 58]);
      for (const { original, reply } of flows) expect(reply).toMatchObject({ source: to, protocol: original.protocol });
      expect(flows.find(({ original }) => original.kind === 'icmp')?.original.type).toBe(family === 'v4' ? 8 : 128);
      expect(flows.find(({ original }) => original.protocol === 6)?.original.port).toBe(5432);
    },
  );

  test('of a published port the original names the host, the reply the container', async () => {
    await site.lanClient.probe({ to: site.host.v4, port: 3000 });
    const flow = (await list(site.lanClient.v4)).find(({ original }) => original.protocol === 6);
    expect(flow).toMatchObject({
      original: { destination: site.host.v4, port: 3000 },
      reply: { source: from.v4, destination: site.lanClient.v4 },
    });
  });

  test.each(['v4', 'v6'] as const)('deleting ends the conversations given and no others, %s', async (family) => {
    const to = site.ten[family];
    await site.host.probeMany([
      { from: 'app/app', to, port: 5432 },
      { from: 'app/app', to, proto: 'udp', port: 9 },
      { from: 'app/app', to, proto: 'icmp' },
      { from: 'app/mongo', to, port: 5432 },
    ]);
    const mine = await list(from[family]);
    expect(mine.length).toBeGreaterThanOrEqual(3);
    const others = (await list()).filter(({ original }) => original.source !== from[family]).map(({ id }) => id);
    expect(await runInside(site.host, 'flows', 'delete', from[family])).toEqual({
      first: { deleted: mine.length, gone: 0 },
      again: { deleted: 0, gone: mine.length },
    });
    const left = new Set((await list()).map(({ id }) => id));
    expect(mine.filter(({ id }) => left.has(id))).toEqual([]);
    // entries may time out meanwhile, but not most of them
    expect(others.filter((id) => left.has(id)).length).toBeGreaterThan(others.length / 2);
  });

  test.each(['v4', 'v6'] as const)('one bit of a mark is set and cleared, and no other, %s', async (family) => {
    const others = (await list()).filter(({ original }) => original.source !== from[family]);
    const attempts = [5432, 5433].map((port) => ({ from: 'app/app', to: site.ten[family], port }));
    await site.host.probeMany(attempts);
    const marks = async (...change: readonly string[]) => {
      if (change.length > 0)
        await runInside(site.host, 'flows', change[0] as string, from[family], change[1] as string);
      return new Set((await list(from[family])).map(({ mark }) => mark));
    };
    expect(await marks('set', '1')).toEqual(new Set([1]));
    expect(await marks('set', String(0x0800_0000))).toEqual(new Set([0x0800_0001]));
    expect(await marks('set', String(0x0800_0000))).toEqual(new Set([0x0800_0001]));
    expect(await marks('clear', String(0x0800_0000))).toEqual(new Set([1]));
    const now = new Map((await list()).map(({ id, mark }) => [id, mark]));
    for (const { id, mark } of others) expect(now.get(id) ?? mark).toBe(mark);
    await runInside(site.host, 'flows', 'delete', from[family]);
  });

  test("a bridge's own switches are set and read, as sysfs shows them", async () => {
    const bridge = String(
      (await site.host.must(['ls', '/sys/class/net'])).split('\n').find((name) => name.startsWith('br-')),
    );
    expect(await runInside(site.host, 'bridge', bridge, '1', '0')).toMatchObject({ ip: true, ip6: false });
    const sysfs = async (name: string) =>
      (await site.host.must(['cat', `/sys/class/net/${bridge}/bridge/${name}`])).trim();
    expect([await sysfs('nf_call_iptables'), await sysfs('nf_call_ip6tables')]).toEqual(['1', '0']);
    expect(await runInside(site.host, 'bridge', bridge, '0', '1')).toMatchObject({ ip: false, ip6: true });
    expect([await sysfs('nf_call_iptables'), await sysfs('nf_call_ip6tables')]).toEqual(['0', '1']);
  });

  test.each(['no-such-bridge', 'eth0', '../../x', ''])('%j is not a bridge', async (name) => {
    expect(await runInside(site.host, 'bridge', name, '1', '1')).toEqual({ kind: 'no-bridge' });
  });
});
