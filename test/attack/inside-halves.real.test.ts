import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith } from '../packets/backends.ts';
import { bridgeOf, type Forgery, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { believeAtOnce, forgetNeighbours, knownMac, meet } from '../packets/kernel.ts';
import { asks } from '../packets/lying.ts';
import { applyPolicy, removePolicy } from '../packets/support.ts';
import { taggedLies, withPartner } from './beside-the-bridge.ts';
import { composeFile, image } from './compose-site.ts';
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
const anewPolicy = (unknown: string) => `version: 1
defaults: { unknown-bridge: ${unknown} }
projects: { evil: { allow: none } }
`;
const anew = composeFile(
  { x: { image } },
  {
    default: {
      enable_ipv6: true,
      driver_opts: { 'com.docker.network.bridge.name': 'evil0' },
      ipam: { config: [{ subnet: '172.28.0.0/16' }, { subnet: 'fd00:172:28::/64' }] },
    },
  },
);
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

  /** Datagrams of which the partner sends the first half now, and a container is to send the rest. */
  async function restsOf(who: string, network: string): Promise<readonly Forgery[]> {
    const [self, partner] = [await seatOf(site, who), await seatOf(site, 'partner')];
    const [own, others] = [await gatewayOf(site, network), await gatewayOf(site, 'others')];
    const { firsts, rests } = withPartner(self, partner, others, own);
    await site.host.sendFrames('partner', firsts);
    return rests;
  }

  /** To whom those come of which the known container sent the rest. */
  const arriving = async () => [...new Set(await sendForgeries(site, known, await restsOf(known, 'app_default')))];

  /** The same of another container's, as far as they come to the host or past it. */
  async function leaving(who: string, network: string): Promise<readonly string[]> {
    const rests = await restsOf(who, network);
    await sendForgeries(site, who, rests);
    const host = await site.host.observer('host');
    const left = await Promise.all(
      rests.map(async ({ token }) => (await host.saw(token)) || (await site.arrivedAnywhere(token))),
    );
    return rests.flatMap(({ name }, at) => (left[at] ? [name] : []));
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

  // such a bridge is enrolled by its name, and has its switches no more, by which ebtables sees frames to the first group
  test.each(['allow', 'deny'])(
    'what is made anew without a daemon, under its bridge’s name, with unknown-bridge: %s',
    async (unknown) => {
      await site.host.compose('evil', anew, 'up', '-d');
      await applyPolicy(site, anewPolicy(unknown));
      expect(await leaving('evil/x', 'evil_default')).toEqual([]);
      await site.host.compose('evil', anew, 'down', '-t', '0');
      await site.host.compose('evil', anew, 'up', '-d');
      const left = await leaving('evil/x', 'evil_default');
      await removePolicy(site);
      const open = (await leaving('evil/x', 'evil_default')).filter((name) => name.endsWith(':0e'));
      expect(open).not.toEqual([]);
      expect(left).toEqual(backend !== 'nftables' && unknown === 'allow' ? open : []);
      await site.host.compose('evil', anew, 'down', '-t', '0');
    },
  );
});
