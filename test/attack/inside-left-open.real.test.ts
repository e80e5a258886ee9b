import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { type PlaceName, places } from '../../lab/world.ts';
import { full } from '../campaign/campaign.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf } from '../packets/forging.ts';
import { meet } from '../packets/kernel.ts';
import { type Attempt, applyPolicy, expectControl, expectOnly } from '../packets/support.ts';
import { composeFile, image, outside } from './compose-site.ts';
import { fragmented } from './fragments.ts';
import { acceptSourceRoutes, goesByHost } from './source-routes.ts';
import { attackWays } from './ways.ts';

/** What stays open inside, shown to be what the documents say, and beside it what is closed. */

const victim = 'app/app';
const attacker = 'app/elasticsearch';
const neighbour = 'app/mongo';
const network = 'app_default';
/** The attacker may send to hosts of the LAN that are near, of which the host's own card is one; to nobody else, whoever says so. */
const policy = `version: 1
guardrails: { deny: ["${places.private.v4}", "[${places.private.v6}]"] }
projects:
  app:
    allow: [internet]
    services: { elasticsearch: { allow: ["192.168.0.0/24", "fd00:192:168::/64"] } }
  evil: { allow: none }
`;

describe.each(attackWays)('what stays open inside, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const services = { twin: { image, networks: ['shared'], mac_address: (await seatOf(site, victim)).mac } };
    const shared = { external: true, name: 'app_default' };
    await site.host.compose('evil', composeFile(services, { shared }), 'up', '-d');
    gateway = await gatewayOf(site, network);
    await expectControl(site, [...outside('evil/twin'), ...outside(attacker)]);
    await expectHeardInTurn(true);
    expect(await byRoutes(attacker)).toEqual({ v4: false, v6: false });
    await acceptSourceRoutes(site);
    for (const who of [attacker, neighbour]) expect(await byRoutes(who)).toEqual({ v4: true, v6: true });
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  const byRoutes = async (who: string) => ({
    v4: await goesByHost(site, who, network, 'v4'),
    v6: await goesByHost(site, who, network, 'v6'),
  });

  const ofOne = (attempts: readonly Attempt[], place: PlaceName) =>
    attempts.filter(({ to }) => to === places[place].v4);

  /**
   * Sees each of the two with the victim's MAC get what a client sends to its published port, after it has spoken; or the victim
   * alone, and after the twin has spoken nobody.
   */
  async function expectHeardInTurn(twinHears: boolean): Promise<void> {
    const { v4, mac } = await seatOf(site, victim);
    for (const speaker of [victim, 'evil/twin', victim]) {
      const { name } = await site.host.container(speaker);
      // the other one's kernel may have had something to say, too
      await until(`${name} to be who is heard of`, async () => {
        await meet(site, 'host', v4, mac);
        await site.host.exec(speaker, ['ping', '-c', '1', '-W', '1', gateway.v4]);
        const { at } = await site.lanClient.probe({ to: site.host.v4, port: 3000, timeout: 400 });
        const heard = twinHears || speaker === victim ? name : '';
        return at.join() === heard ? true : undefined;
      });
    }
  }

  test('who has a neighbour’s MAC takes what comes for its published port away, gets it with iptables alone, and sends nothing', async () => {
    await expectHeardInTurn(backend !== 'nftables');
    await expectOnly(site, ofOne(outside(victim), 'internet'), outside('evil/twin'));
  });

  test('who may send to the host’s address on the LAN sends nobody else anything by a source route, though the kernel goes by it', async () => {
    for (const who of [attacker, neighbour]) expect(await byRoutes(who)).toEqual({ v4: false, v6: false });
    await expectOnly(site, ofOne(outside(neighbour), 'internet'), outside(attacker));
  });

  /** Whether a datagram of the neighbour's in two fragments comes where it may. */
  async function isPutTogether(): Promise<boolean> {
    const { mac, v4 } = await seatOf(site, neighbour);
    const token = freshToken();
    const ends = { src: v4, dst: places.internet.v4 };
    const body = frames.udp({ ...ends, sport: 4_321, dport: 9_999 }, token.padEnd(200)).slice(20);
    const parts = fragmented({ from: mac, to: gateway.mac, ...ends, next: 17 }, body, [104]);
    await site.host.sendFrames(neighbour, parts);
    await sleep(200);
    return site.internet.saw(token);
  }

  // as much as a host has takes seconds to send
  const [memory, beginnings] = full ? [4 << 20, 2_048] : [512 << 10, 256];

  test('who sends beginnings of packets to where it may not takes the memory for fragments from all', async () => {
    await site.host.sysctl({ 'net.ipv4.ipfrag_low_thresh': memory / 2, 'net.ipv4.ipfrag_high_thresh': memory });
    expect(await isPutTogether()).toBe(true);
    const { mac, v4 } = await seatOf(site, attacker);
    const ends = { from: mac, to: gateway.mac, src: v4, dst: places.private.v4, next: 17 };
    const first = () => fragmented(ends, new Uint8Array(1_488), [1_480]).slice(0, 1);
    await site.host.sendFrames(attacker, Array.from({ length: beginnings }, first).flat(), { interval: 0 });
    expect(await isPutTogether()).toBe(false);
    // it is the memory, and nothing else
    await site.host.sysctl({ 'net.ipv4.ipfrag_high_thresh': 2 * memory });
    expect(await isPutTogether()).toBe(true);
  });
});
