import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith, oneWayEach } from './backends.ts';
import {
  believers,
  borrowing,
  type Forger,
  forgers,
  forgetLies,
  lossUnderTheft,
  obeyed,
  overheard,
  scenesOf,
  trustingOne,
  victim,
} from './deceiving.ts';
import { seatOf, sendForgeries } from './forging.ts';
import { risenBy } from './kernel.ts';
import { asks, claims, lies, routing, type Scene, strangeTypes, tagged, thefts, unknownFrames } from './lying.ts';
import { applyPolicy, expectControl, expectDenied } from './support.ts';

interface Way {
  readonly who: Forger;
  readonly brNetfilter: boolean;
}
const allWays: readonly Way[] = forgers.flatMap((who) => [true, false].map((brNetfilter) => ({ who, brNetfilter })));
const twoWays: readonly Way[] = [
  { who: 'app/elasticsearch', brNetfilter: true },
  { who: 'app/app', brNetfilter: false },
];

const ways = oneWayEach({ '20.10': 'iptables-nft' });

describe.each(ways)('forged senders on engine $name', { timeout: 60_000 }, ({ engine, backend }) => {
  let site: Site;
  let scenes: Readonly<Record<Forger, Scene>>;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true, capAdd: ['NET_ADMIN'] }), 'up', '-d');
    scenes = await scenesOf(site);
    await expectEveryForgeryToWork();
    await applyPolicy(site, trustingOne);
  });
  afterAll(() => site?.stop());

  /** Runs something for each forger, with br_netfilter's sysctls on and off, when the neighbour has just spoken. */
  async function eachWay(ways: readonly Way[], work: (who: Forger, scene: Scene, how: string) => Promise<void>) {
    for (const { who, brNetfilter } of ways) {
      await site.host.setBrNetfilter(brNetfilter);
      await site.host.probe(victim, { to: places.internet.v4, port: 80 });
      await work(who, scenes[who], `${who}, bridge-nf-call-* ${brNetfilter}`);
    }
    await site.host.setBrNetfilter(true);
  }

  /** The control of everything below: without Sluice the lies arrive, are believed, and take effect. */
  async function expectEveryForgeryToWork(): Promise<void> {
    await eachWay(allWays, async (who, scene, how) => {
      const all = [...tagged(scene), ...lies(scene)];
      expect(await sendForgeries(site, who, all), how).toEqual(all.map(({ name }) => name));
    });
    await eachWay(twoWays, async (who, scene, how) => {
      expect(await overheard(site, who, scene, [...routing(scene).slice(0, 3), ...unknownFrames(scene)]), how).toEqual([
        ...strangeTypes,
        134,
      ]);
      expect(await obeyed(site), how).toBe(true);
      // who is told the truth by the neighbour itself meanwhile knows it again
      await until(
        `everybody to believe ${who}, ${how}`,
        async () => (await believers(site, who, scene)).length === 4 || undefined,
      );
    });
    let most = 0;
    for (let round = 0; round < 3 && most <= 0.2; round++)
      most = Math.max(most, await lossUnderTheft(site, scenes['app/elasticsearch']));
    expect(most).toBeGreaterThan(0.2);
    await borrowing(site, scenes['app/app'], (attempts) => expectControl(site, attempts));
    await forgetLies(site);
  }

  test("a neighbour's address, MAC or both, a second or unknown address, and tagged frames get nowhere, each counted", async () => {
    await eachWay(allWays, async (who, scene, how) => {
      const risen = await risenBy(site, async () => {
        expect(await sendForgeries(site, who, [...tagged(scene), ...lies(scene)]), how).toEqual([]);
      });
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(lies(scene).length);
    });
  });

  test('answers of ARP and neighbour discovery for others are believed by nobody', async () => {
    await eachWay(twoWays, async (who, scene, how) => {
      const risen = await risenBy(site, async () => expect(await believers(site, who, scene), how).toEqual([]));
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(20);
    });
  });

  test('router advertisements, redirects and unknown protocols reach nobody', async () => {
    await eachWay(twoWays, async (who, scene, how) => {
      expect(await overheard(site, who, scene, [...routing(scene), ...unknownFrames(scene)]), how).toEqual([]);
      expect(await obeyed(site), how).toBe(false);
    });
  });

  test("a neighbour's place on the bridge cannot be stolen", async () => {
    expect(await lossUnderTheft(site, scenes['app/elasticsearch'])).toBeLessThan(0.05);
  });

  test("NET_ADMIN gets nothing out with a neighbour's address or MAC on its own interface", async () => {
    await borrowing(site, scenes['app/app'], async (attempts, how) => {
      const risen = await risenBy(site, () => expectDenied(site, attempts));
      expect(risen['bridge spoofed'], how).toBeGreaterThanOrEqual(attempts.length);
    });
  });

  test('a container that apply has not seen takes no place and no address of those it has', async () => {
    const scene = scenes['app/elasticsearch'];
    await site.host.docker('run', '-d', '--name', 'newcomer', '--network', 'app_default', 'lab/app');
    const self = await seatOf(site, 'newcomer');
    const asNeighbour = frames.arp({ ...asks, sha: scene.peer.mac, spa: self.v4, tpa: self.v4 });
    const spec = { proto: 'udp', to: places.internet.v4, port: 4002, rate: 100, seconds: 1 } as const;
    const stream = await site.host.stream(victim, spec);
    await site.host.sendFrames('newcomer', [asNeighbour, ...thefts(scene.peer.mac)], { count: 700, interval: 1000 });
    const { sent, answered } = await stream.report();
    expect([sent > 50, sent - answered]).toEqual([true, 0]);
    expect(await believers(site, 'newcomer', { ...scene, self })).toEqual([]);
    await site.host.docker('rm', '-f', 'newcomer');
  });

  test("the neighbour's own traffic goes on while all this happens", async () => {
    const spec = { proto: 'udp', to: places.internet.v4, port: 4001, rate: 100, seconds: 2 } as const;
    const streams = await Promise.all([
      site.host.stream(victim, spec),
      site.host.stream(victim, { ...spec, to: places.internet.v6 }),
    ]);
    const scene = scenes['app/elasticsearch'];
    await site.host.sendFrames(
      'app/elasticsearch',
      [
        ...lies(scene).map(({ frame }) => frame),
        ...claims(scene.self, scene.gateway, scene.peer),
        ...claims(scene.self, scene.peer, scene.gateway),
        ...routing(scene),
      ],
      { count: 10, interval: 50_000 },
    );
    for (const stream of streams) {
      const { sent, answered } = await stream.report();
      expect(sent).toBeGreaterThan(150);
      expect(answered).toBe(sent);
    }
  });
});
