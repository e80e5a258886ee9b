import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { checkout } from '../../lab/host.ts';
import type { Observer, Packet } from '../../lab/observer.ts';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import type { Stream } from '../../lab/stream.ts';
import { places } from '../../lab/world.ts';
import { full } from '../campaign/campaign.ts';
import { holdWith, oneWayEach } from './backends.ts';
import { gatewayOf, seatOf } from './forging.ts';
import { applyPolicy, removePolicy } from './support.ts';

const families = ['v4', 'v6'] as const;
const protocols = ['tcp', 'udp'] as const;
/** A port whose server, wherever it runs, also speaks unasked. */
const chatty = 6000;

const open = `version: 1
projects: { app: { allow: any } }
`;
const shut = `version: 1
projects: { app: { allow: none, services: { mongo: { allow: any } } } }
`;

const ways = oneWayEach({ '26.1': 'iptables-nft' });

describe.each(ways)('a tighter policy on engine $name', { timeout: 200_000 }, ({ engine, backend }) => {
  let site: Site;
  let targets: readonly { readonly name: string; readonly to: string; readonly port: number; readonly at: Observer }[];

  beforeAll(async () => {
    site = holdWith(await openSite({ engine }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    await site.internet.serve(['tcp', String(chatty), 'udp', String(chatty), '--push', '10']);
    const serve = ['serve', 'tcp', String(chatty), 'udp', String(chatty), '--push', '10', '--log'];
    const server = site.host.spawn(['/run/labtool', ...serve]);
    await new Promise((resolve) => server.stdout.once('data', resolve));
    server.stdout.resume();
    const mongo = await seatOf(site, 'app/mongo');
    const gateway = await gatewayOf(site, 'app_default');
    const [neighbour, host] = [await site.host.observer('app/mongo'), await site.host.observer('host')];
    targets = families.flatMap((family) => [
      { name: `outside ${family}`, to: places.internet[family], port: chatty, at: site.internet.observer },
      { name: `neighbour ${family}`, to: mongo[family], port: 9200, at: neighbour },
      { name: `host ${family}`, to: gateway[family], port: chatty, at: host },
    ]);
  });
  afterAll(() => site?.stop());

  test.each([50, 1])('ends live conversations within the apply, whether they speak %i times a second', async (rate) => {
    await applyPolicy(site, open);
    const talks = await Promise.all(
      targets.flatMap((target) =>
        protocols.map(async (proto) => {
          const sport = freshSport();
          const spec = { proto, to: target.to, port: target.port, rate, sport, outside: true } as const;
          return { ...target, name: `${target.name} ${proto}`, sport, stream: await site.host.stream('app/app', spec) };
        }),
      ),
    );
    /** Which of them came through after an instant, microseconds since the epoch. Nobody but the kernel sends bare resets. */
    const alive = async (since: number) => {
      const through = ({ t, sport, token, flags }: Packet, talk: (typeof talks)[number]) =>
        t > since && flags !== 'R' && (sport === talk.sport || token === talk.stream.token);
      const seen = await Promise.all(talks.map((talk) => talk.at.saw((packet) => through(packet, talk))));
      return talks.filter((_, index) => seen[index]).map(({ name }) => name);
    };
    await sleep(1200);
    expect(await alive((Date.now() - 1100) * 1000)).toEqual(talks.map(({ name }) => name));
    await applyPolicy(site, shut);
    const applied = Date.now() * 1000;
    await sleep(2500);
    expect(await alive(applied)).toEqual([]);
    await Promise.all(talks.map(({ stream }) => stream.stop()));
    await removePolicy(site);
  });

  /** A sender at 250 packets a second with the observer that should see them, or should not. */
  interface Flow {
    readonly name: string;
    readonly stream: Stream;
    readonly at: Observer;
  }

  /** Senders that both policies below allow, and such that both deny: by a deny, and for want of an allow. */
  async function senders(): Promise<Record<'allowed' | 'denied', readonly Flow[]>> {
    const [mongo, elasticsearch] = [await seatOf(site, 'app/mongo'), await seatOf(site, 'app/elasticsearch')];
    const flow = async (from: string, to: string, at: Observer): Promise<Flow> => ({
      name: `${from} → ${to}`,
      stream: await site.host.stream(from, { proto: 'udp', to, port: 9200, rate: 250, outside: true }),
      at,
    });
    const inside = (who: string) => site.host.observer(who);
    return {
      allowed: await Promise.all([
        flow('app/app', places.internet.v6, site.internet.observer),
        flow('app/app', mongo.v4, await inside('app/mongo')),
      ]),
      denied: await Promise.all([
        flow('app/app', places.private.v4, site.private.observer),
        flow('app/mongo', elasticsearch.v6, await inside('app/elasticsearch')),
        flow('app/elasticsearch', places.ten.v4, site.ten.observer),
      ]),
    };
  }

  /** Ends them; the share of what each sent that did not arrive. */
  async function losses(flows: readonly Flow[]): Promise<readonly { name: string; sent: number; lost: number }[]> {
    return Promise.all(
      flows.map(async ({ name, stream, at }) => {
        const { sent } = await stream.stop();
        await sleep(50);
        return { name, sent, lost: (sent - (await at.count(stream.token))) / sent };
      }),
    );
  }

  /** Two policies that differ in everything but what the senders above may do. */
  const first = `version: 1
guardrails: { deny: [cloud-metadata] }
projects:
  app:
    allow: none
    services:
      app: { allow: [service/mongo, internet], deny: ["host:22"] }
      elasticsearch: { allow: any, deny: [private] }
`;
  const second = `version: 1
defaults: { denied: drop }
groups: { partners: [10.0.0.0/24, "[fd00:10::/64]"] }
projects:
  app:
    mode: enforce
    allow: [multicast, "partners:443", "192.168.5.5:22"]
    services:
      app: { allow: ["internet:1-65535/tcp+udp", "network/app_default:9200/udp"] }
      elasticsearch: { allow: any, deny: ["10.9.8.0/23", "172.16.0.0/12", cloud-metadata] }
      mongo: { allow: ["internet:443"] }
containers: { "legacy-*": { allow: [dns, host] } }
`;

  // iptables takes a second where nft takes a few milliseconds
  const byNft = full ? 500 : engine === '28.5' ? 100 : 40;
  const times = backend === 'nftables' ? byNft : full ? 30 : 12;

  test(`${times} times in a row under load leaks nothing and loses next to nothing`, async () => {
    await removePolicy(site);
    const before = await senders();
    await sleep(2500);
    const without = await losses([...before.allowed, ...before.denied]);
    for (const { name, sent, lost } of without) expect([sent >= 500, lost <= 0.01], name).toEqual([true, true]);

    site.host.write('/etc/sluice/first.yaml', first);
    site.host.write('/etc/sluice/second.yaml', second);
    for (const folder of ['src', 'node_modules', 'test/packets'])
      await site.host.bind(join(checkout, folder), `/opt/checkout/${folder}`);
    site.host.write('/opt/checkout/package.json', '{ "type": "module" }');
    await applyPolicy(site, first);
    const { allowed, denied } = await senders();
    const started = Date.now();
    const policies = ['/etc/sluice/second.yaml', '/etc/sluice/first.yaml'];
    const node = '/opt/checkout/node_modules/.bin/node';
    const script = [node, '/opt/checkout/test/packets/reapply.ts', String(times), backend, ...policies];
    const done = JSON.parse(await site.host.must(script, { timeout: 180_000 })) as { applied: number };
    for (let round = 0; round < 4; round++) await applyPolicy(site, round % 2 ? first : second);
    const seconds = (Date.now() - started) / 1000;

    expect(done.applied).toBe(times);
    for (const { name, sent, lost } of await losses(denied))
      expect([sent >= 200 * seconds, lost], name).toEqual([true, 1]);
    const most = Math.max(...without.map(({ lost }) => lost));
    for (const { name, sent, lost } of await losses(allowed)) {
      expect(sent, name).toBeGreaterThanOrEqual(200 * seconds);
      expect(lost, name).toBeLessThanOrEqual(most + 0.001);
    }
  });
});
