import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { bridgeOf, linkLocal, seatOf } from '../packets/forging.ts';
import { forgetNeighbours, risenBy } from '../packets/kernel.ts';
import { applyPolicy, expectAllowed } from '../packets/support.ts';
import { bytes } from './fragments.ts';
import { attackWays } from './ways.ts';

/** What a container with Docker's own capabilities tells the bridge it is on. */

const policy = `version: 1
projects:
  app:
    allow: none
    services: { mongo: { allow: any } }
`;
const everybody = { v4: '224.0.0.1', v6: 'ff02::1', mac4: '01:00:5e:00:00:01', mac6: '33:33:00:00:00:01' } as const;

describe.each(attackWays)('attacks on the bridge from inside, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    // a network of its own for the control, since a bridge does not soon forget a router
    await site.host.compose('ctl', article({ ipv6: true, net: 21, publish: null }), 'up', '-d');
    await ask('ctl');
    await until('the bridge to believe in a router', async () => ((await routers('ctl')) === '' ? undefined : true));
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** The ports of a project's bridge where it believes a router of multicast to be. */
  async function routers(project: string): Promise<string> {
    const bridge = await bridgeOf(site, `${project}_default`);
    const listed = await site.host.must(['bridge', '-d', 'mdb', 'show', 'dev', bridge]);
    return /^router ports on \S+:[ \t]*(.*)$/m.exec(listed)?.[1]?.trim() ?? '';
  }

  /** Asks, as a router does, who listens to which groups: by MLD (RFC 2710) and by IGMP (RFC 2236). */
  async function ask(project: string): Promise<void> {
    const { mac, v4 } = await seatOf(site, `${project}/elasticsearch`);
    const src = linkLocal(mac);
    const question = frames.icmp({ src, dst: everybody.v6, type: 130 }, bytes([0, 1, 0, 0], new Uint8Array(16)));
    const alert = [58, 0, 5, 2, 0, 0, 1, 0]; // RFC 2711
    const mld = frames.packet({ src, dst: everybody.v6, proto: 0, ttl: 1 }, bytes(alert, question.slice(40)));
    const igmp = bytes([0x11, 1, 0xee, 0xfe], new Uint8Array(4));
    const sent = [
      frames.ethernet({ from: mac, to: everybody.mac6, type: 0x86dd }, mld),
      frames.ethernet(
        { from: mac, to: everybody.mac4, type: 0x0800 },
        frames.packet({ src: v4, dst: everybody.v4, proto: 2, ttl: 1 }, igmp),
      ),
    ];
    await site.host.sendFrames(`${project}/elasticsearch`, sent, { count: 3, interval: 100_000 });
  }

  test('who asks for listeners does not become the router of the bridge, and cuts nobody from IPv6', async () => {
    const bridge = await bridgeOf(site, 'app_default');
    const risen = await risenBy(site, () => ask('app'));
    expect(risen['bridge spoofed'] ?? 0).toBeGreaterThanOrEqual(6);
    await sleep(1_500);
    expect(await routers('app')).toBe('');
    // groups are forgotten when nobody has named them for some minutes: with a router believed in, nothing reaches them then
    for (const value of ['0', '1'])
      await site.host.must(['ip', 'link', 'set', 'dev', bridge, 'type', 'bridge', 'mcast_snooping', value]);
    for (const who of ['host', 'app/mongo']) await forgetNeighbours(site, who);
    await expectAllowed(site, [{ from: 'app/mongo', to: places.internet.v6, port: 80 }]);
  });
});
