import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, oneWayEach } from './backends.ts';
import { gatewayOf, seatOf } from './forging.ts';
import {
  type Attempt,
  applyPolicy,
  expectAllowed,
  expectControl,
  expectDenied,
  removePolicy,
  withoutDockersRules,
} from './support.ts';

/** Ways out that an attacker with the source in hand found; each had worked before it was closed. */

const nothing = 'version: 1\nprojects:\n  app: { allow: none }\n';

/** A decoy whose address is a private host's, on a network wider than the host's own route to it. */
const decoy = `
  decoy:
    image: lab/app
    networks: { wide: { ipv4_address: ${places.private.v4} } }
`;
const withDecoy = `${article().replace('networks:\n', `${decoy.trimStart().replace(/^/, '  ')}networks:\n  wide: { ipam: { config: [{ subnet: 192.0.0.0/8 }] } }\n`)}`;

const ways = oneWayEach({ '26.1': 'iptables-legacy' });

describe.each(ways)('an attacker on engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
  });
  afterAll(() => site?.stop());

  test('frames to reserved group addresses do not reach the host round the bridge', async () => {
    const self = await seatOf(site, 'app/app');
    const gateway = await gatewayOf(site, 'app_default');
    const send = async (to: string) => {
      const token = freshToken();
      const ends = { src: self.v6, dst: gateway.v6, sport: 40_000, dport: 9_999 };
      const packet = frames.packet({ src: ends.src, dst: ends.dst, proto: 17 }, frames.udp(ends, token));
      await site.host.sendFrames('app/app', [frames.ethernet({ from: self.mac, to, type: 0x86dd }, packet)]);
      return (await site.host.observer('host')).saw(token);
    };
    const reserved = ['02', '03', '0e', '0f'].map((last) => `01:80:c2:00:00:${last}`);
    const before = [];
    for (const mac of reserved) before.push(await send(mac));
    expect(before).toContain(true); // the way is there without Sluice
    await applyPolicy(site, nothing);
    for (const mac of reserved) expect(await send(mac), mac).toBe(false);
    await removePolicy(site);
  });

  test('a conversation that a container forged with itself before the apply does not outlive it', async () => {
    const self = await seatOf(site, 'app/elasticsearch');
    const neighbour = await seatOf(site, 'app/mongo');
    const targets = [
      { to: places.private.v4, me: self.v4 },
      { to: places.ten.v6, me: self.v6 },
      { to: places.metadata.v4, me: self.v4 },
    ];
    const forged = targets.map(({ to, me }) =>
      frames.ethernet(
        { from: self.mac, to: neighbour.mac, type: frames.etherType(me) },
        frames.udp({ src: to, dst: me, sport: 9_999, dport: 5_555 }, 'x'),
      ),
    );
    const attempts = targets.map(
      ({ to }): Attempt => ({ from: 'app/elasticsearch', to, port: 9_999, sport: 5_555, proto: 'udp' }),
    );
    await site.host.sendFrames('app/elasticsearch', forged);
    await expectControl(site, attempts);
    const known = async () =>
      (await site.host.must(['conntrack', '-L', '-p', 'udp'])) +
      (await site.host.must(['conntrack', '-L', '-f', 'ipv6', '-p', 'udp']));
    expect(await known()).toContain('dport=5555'); // the forged ones are there
    await applyPolicy(site, nothing);
    expect(await known()).not.toContain('dport=5555');
    await expectDenied(site, attempts);
    await removePolicy(site);
  });

  test("a redirect of the operator's is no way past a guardrail or a deny", async () => {
    const redirects = `table ip redirects {
      chain prerouting {
        type nat hook prerouting priority -100
        ip daddr ${places.metadata.v4} tcp dport 80 redirect to :8181
        ip daddr ${places.ten.v4} tcp dport 443 dnat to ${places.internet.v4}:80
      }
    }`;
    await site.host.nft(redirects);
    const attempts: readonly Attempt[] = [
      { from: 'app/app', to: places.metadata.v4, port: 80 },
      { from: 'app/app', to: places.ten.v4, port: 443 },
    ];
    await expectControl(site, attempts);
    const policy = (lists: string) =>
      `version: 1\n${lists}projects:\n  app: { allow: any, deny: [${places.ten.v4}] }\n`;
    await applyPolicy(site, policy('guardrails: { deny: [cloud-metadata] }\n'));
    await expectDenied(site, attempts);
    await expectAllowed(site, [{ from: 'app/app', to: places.internet.v4, port: 80 }]);
    await removePolicy(site);
    await site.host.nft('delete table ip redirects');
  });

  test('what looks like DHCP is judged like all else, whoever on the host would hear it', async () => {
    const places = [hostAddress.v4, (await gatewayOf(site, 'app_default')).v4, '255.255.255.255'];
    const attempts = places.map((to): Attempt => ({ from: 'app/app', to, port: 67, sport: 68, proto: 'udp' }));
    await expectControl(site, attempts);
    await applyPolicy(site, nothing);
    await expectDenied(site, attempts);
    const self = await seatOf(site, 'app/app');
    const token = freshToken();
    const discover = frames.udp({ src: '0.0.0.0', dst: '255.255.255.255', sport: 68, dport: 67 }, token);
    const broadcast = frames.ethernet({ from: self.mac, to: 'ff:ff:ff:ff:ff:ff', type: 0x0800 }, discover);
    await site.host.sendFrames('app/app', [broadcast]);
    expect(await (await site.host.observer('host')).saw(token)).toBe(false);
    await removePolicy(site);
  });

  test("a container with a private host's address does not open that host to its siblings", async () => {
    await site.host.compose(
      'decoy',
      withDecoy.replaceAll('172.20', '172.26').replace('"3000:3000"', '"3001:3000"'),
      'up',
      '-d',
    );
    const attempts: readonly Attempt[] = [
      { from: 'decoy/app', to: places.private.v4, port: 22 },
      { from: 'decoy/app', to: places.private.v4, port: 53, proto: 'udp' },
    ];
    // from 28.0 on, Docker itself drops what others send to a container's address, wherever it is
    await withoutDockersRules(site, () => expectControl(site, attempts));
    await applyPolicy(site, 'version: 1\nprojects:\n  decoy: { allow: [same-project] }\n');
    await withoutDockersRules(site, () => expectDenied(site, attempts));
    await expectAllowed(site, [{ from: 'decoy/app', to: (await seatOf(site, 'decoy/mongo')).v4, port: 27017 }]);
    await removePolicy(site);
    await site.host.compose('decoy', withDecoy, 'down');
  });
});
