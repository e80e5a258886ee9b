import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith } from '../packets/backends.ts';
import { bridgeOf, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { believeAtOnce, forgetNeighbours, knownMac, meet } from '../packets/kernel.ts';
import { asks } from '../packets/lying.ts';
import { applyPolicy, removePolicy } from '../packets/support.ts';
import { taggedLies, withPartner } from './beside-the-bridge.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * What a known container sends past the bridge's hooks, to be put together with what somebody sends who is not held; and
 * what a stranger says under a tag.
 */

const policy = `version: 1
defaults: { unknown-bridge: allow }
projects:
  app: { allow: none }
`;
const known = 'app/app';
const neighbour = 'app/mongo';

describe.each(attackWaysOfBoth)('beside the bridge, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;

  beforeAll(async () => {
    // br_netfilter off: where a bridge's own switch does not turn it on, a fragment waits for its rest outside of it
    site = holdWith(await openSite({ engine, routed: true, brNetfilter: false }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const subnets = ['--subnet', '172.29.0.0/16', '--ipv6', '--subnet', 'fd00:172:29::/64'];
    await site.host.docker('network', 'create', ...subnets, 'others');
    await site.host.docker('run', '-d', '--name', 'partner', '--network', 'others', 'lab/app');
    await believeAtOnce(site, 'host', await bridgeOf(site, 'app_default'));
  });
  afterAll(() => site?.stop());

  /** To whom datagrams come of which the partner sent the first half and the known container the rest. */
  async function arriving(): Promise<readonly string[]> {
    const [self, partner] = [await seatOf(site, known), await seatOf(site, 'partner')];
    const [own, others] = [await gatewayOf(site, 'app_default'), await gatewayOf(site, 'others')];
    const { firsts, rests } = withPartner(self, partner, others, own);
    await site.host.sendFrames('partner', firsts);
    return [...new Set(await sendForgeries(site, known, rests))];
  }

  /** Which of a stranger's lies under tags the host believes. */
  async function believed(): Promise<readonly boolean[]> {
    await site.host.docker('run', '-d', '--name', 'stranger', '--network', 'app_default', 'lab/app');
    const [self, peer] = [await seatOf(site, 'stranger'), await seatOf(site, neighbour)];
    const gateway = await gatewayOf(site, 'app_default');
    const found: boolean[] = [];
    for (const lie of taggedLies(self, gateway, peer)) {
      await forgetNeighbours(site, 'host');
      await meet(site, 'host', peer.v4, peer.mac);
      // what it truly says next is learnt when the lie has been
      const truth = frames.arp({ ...asks, sha: self.mac, spa: self.v4, tpa: gateway.v4 });
      await site.host.sendFrames('stranger', [lie, truth]);
      await until('it to be known', async () => (await knownMac(site, 'host', self.v4)) === self.mac || undefined);
      found.push((await knownMac(site, 'host', peer.v4)) === self.mac);
    }
    await forgetNeighbours(site, 'host');
    await site.host.docker('rm', '-f', 'stranger');
    return found;
  }

  test('without Sluice halves are put together, and lies under tags believed', async () => {
    const { rests } = withPartner(
      await seatOf(site, known),
      await seatOf(site, 'partner'),
      await gatewayOf(site, 'others'),
      await gatewayOf(site, 'app_default'),
    );
    const names = new Set(rests.map(({ name }) => name));
    // older engines' own rules keep IPv6 from leaving by a port
    const leaves = (name: string) => engine === '28.5' || !/(private host|internet), v6, by .*:0[e2]$/.test(name);
    expect(await arriving()).toEqual([...names].filter(leaves));
    await until('all lies are believed', async () => (await believed()).every(Boolean) || undefined);
  });

  test('of a container that may reach nobody no half goes out past the bridge, whoever sends the other', async () => {
    await applyPolicy(site, policy);
    expect(await arriving()).toEqual([]);
  });

  test('no ARP of a stranger under a tag is believed', async () => {
    expect(await believed()).toEqual([false, false, false]);
  });

  test('the bridge forwards to the groups it did before, once Sluice is gone', async () => {
    const bridge = await bridgeOf(site, 'app_default');
    const mask = async () => (await site.host.must(['cat', `/sys/class/net/${bridge}/bridge/group_fwd_mask`])).trim();
    expect(await mask()).toBe('0x4000');
    await removePolicy(site);
    expect(await mask()).toBe('0x0');
  });
});
