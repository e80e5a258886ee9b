import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, linkLocal, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { forgetNeighbours, knownMac, meet, risenBy } from '../packets/kernel.ts';
import { applyPolicy } from '../packets/support.ts';
import { halved } from './beside-the-bridge.ts';
import { hiddenIcmp6 } from './fragments.ts';
import { attackWays } from './ways.ts';

/** What hides in fragments until the host has put them together: neighbour discovery, and the way a packet came. */

const attacker = 'app/elasticsearch';
const victim = 'app/mongo';
/** The attacker may send its neighbours anything: what is not believed must not be for its form. */
const policy = `version: 1
projects:
  app:
    allow: [same-project]
    services: { mongo: { allow: any } }
`;

describe.each(attackWays)('discovery in fragments from inside, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  let self: Seat;
  let peer: Seat;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    [self, peer] = [await seatOf(site, attacker), await seatOf(site, victim)];
    gateway = await gatewayOf(site, 'app_default');
    // a network that has just been made takes a while
    await until('a lie is believed', async () => ((await believed()) ? true : undefined));
    await until('an offer is obeyed', async () => ((await obeyed()) ? true : undefined));
    // older engines' own rules keep IPv6 from leaving by a port
    const leaves = (name: string) => way.engine === '28.5' || !/(private host|internet), v6$/.test(name);
    const names = new Set(halved(self, gateway).map(({ name }) => name));
    expect(await strangersHalves()).toEqual([...names].filter(leaves));
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** To whom datagrams come of a container that nobody has told Sluice of, which leave half by the bridge and half past it. */
  async function strangersHalves(): Promise<readonly string[]> {
    await site.host.docker('run', '-d', '--name', 'stranger', '--network', 'app_default', 'lab/app');
    const sent = halved(await seatOf(site, 'stranger'), gateway);
    const arrived = await sendForgeries(site, 'stranger', sent);
    await site.host.docker('rm', '-f', 'stranger');
    return [...new Set(arrived)];
  }

  /** Whether the host believes that the victim is at the attacker's. */
  async function believed(): Promise<boolean> {
    await forgetNeighbours(site, 'host');
    await meet(site, 'host', peer.v6, peer.mac);
    const at = { from: self.mac, to: gateway.mac, src: self.v6, dst: gateway.v6, ttl: 255 };
    const lie = frames.neighborAdvert({ src: at.src, dst: at.dst, target: peer.v6, lladdr: self.mac });
    await site.host.sendFrames(attacker, hiddenIcmp6(at, lie));
    const known = await knownMac(site, 'host', peer.v6);
    await forgetNeighbours(site, 'host');
    return known === self.mac;
  }

  /** Whether the victim gives itself an address that a router advertisement of the attacker's offers. */
  async function obeyed(): Promise<boolean> {
    const src = linkLocal(self.mac);
    const at = { from: self.mac, to: peer.mac, src, dst: linkLocal(peer.mac), ttl: 255 };
    const offer = frames.routerAdvert({ src, dst: at.dst, prefix: '2a0c:bad::', lladdr: self.mac });
    await site.host.sendFrames(attacker, hiddenIcmp6(at, offer));
    const { stdout } = await site.host.inNetworkOf(victim, ['ip', '-6', 'addr', 'show', 'dev', 'eth0']);
    await site.host.inNetworkOf(victim, ['ip', '-6', 'addr', 'flush', 'dev', 'eth0', 'dynamic']);
    await site.host.inNetworkOf(victim, ['ip', '-6', 'route', 'flush', 'proto', 'ra']);
    return stdout.includes('2a0c:bad:');
  }

  test('a neighbour advertisement is believed by nobody, and counted', async () => {
    const risen = await risenBy(site, async () => expect(await believed()).toBe(false));
    expect(risen['bridge spoofed'] ?? 0).toBeGreaterThan(0);
  });

  test('of a stranger nothing leaves half by the bridge and half past it', async () => {
    expect(await strangersHalves()).toEqual([]);
  });

  test('a router advertisement is obeyed by nobody', async () => {
    expect(await obeyed()).toBe(false);
  });
});
