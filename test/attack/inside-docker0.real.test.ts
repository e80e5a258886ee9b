import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, linkLocal, type Seat, seatOf } from '../packets/forging.ts';
import { forgetNeighbours, knownMac, meet } from '../packets/kernel.ts';
import { applyPolicy } from '../packets/support.ts';
import { hiddenIcmp6 } from './fragments.ts';
import { acceptSourceRoutes, goesByHost, routes } from './source-routes.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * On docker0 with IPv6, while builds may run, whom nobody knows says in fragments that a held container's address is at its
 * MAC: bridge prerouting looks for `held-targets` in whole packets only, and conntrack puts them together behind it.
 */
const policy = `version: 1
guardrails: { deny: ["192.168.5.5", "[fd00:192:168::5:5]", "host:22", "host:53/udp"] }
containers:
  held: { allow: any }
  friend: { allow: any }
  quiet: { allow: none }
`;

describe.each(attackWaysOfBoth)(
  'a build that takes the place of a held one, engine $name',
  { timeout: 120_000 },
  (way) => {
    let site: Site;
    let builder: Seat;
    let held: Seat;
    let friend: Seat;
    let gateway: Seat;

    beforeAll(async () => {
      const dockerd = ['--ipv6', '--fixed-cidr-v6', 'fd00:172:99::/64'];
      site = holdWith(await openSite({ engine: way.engine, dockerd }), way.backend);
      for (const name of ['held', 'friend', 'quiet']) await site.host.docker('run', '-d', '--name', name, 'lab/app');
      await acceptSourceRoutes(site);
      for (const route of routes) expect(await goesByHost(site, 'friend', 'bridge', route)).toBe(true);
      await applyPolicy(site, policy);
      await site.host.docker('run', '-d', '--name', 'builder', 'lab/app');
      [builder, held, friend] = [
        await seatOf(site, 'builder'),
        await seatOf(site, 'held'),
        await seatOf(site, 'friend'),
      ];
      gateway = await gatewayOf(site, 'bridge');
      await until('docker0 speaks IPv6', async () =>
        (await site.host.probe('friend', { to: held.v6, proto: 'icmp' })).outcome === 'answered' ? true : undefined,
      );
    });
    afterAll(() => site?.stop());

    const lie = (dst: string) =>
      frames.neighborAdvert({ src: linkLocal(builder.mac), dst, target: held.v6, lladdr: builder.mac });

    async function tell(to: Seat, hidden: boolean): Promise<void> {
      const at = { from: builder.mac, to: to.mac, src: linkLocal(builder.mac), dst: to.v6, ttl: 255 };
      const packet = lie(to.v6);
      const sent = hidden
        ? hiddenIcmp6(at, packet)
        : [frames.ethernet({ from: at.from, to: at.to, type: 0x86dd }, packet)];
      await site.host.sendFrames('builder', sent);
    }

    test.each([false, true])('the host does not believe it, in fragments: %s', async (hidden) => {
      await forgetNeighbours(site, 'host');
      await meet(site, 'host', held.v6, held.mac);
      await tell(gateway, hidden);
      const known = await knownMac(site, 'host', held.v6);
      await site.host.probe('host', { to: held.v6, proto: 'udp', port: 53 });
      await forgetNeighbours(site, 'host');
      expect(known).toBe(held.mac);
    });

    test.each([false, true])('nor does a neighbour, in fragments: %s', async (hidden) => {
      await forgetNeighbours(site, 'friend');
      await meet(site, 'friend', held.v6, held.mac);
      await tell(friend, hidden);
      const known = await knownMac(site, 'friend', held.v6);
      await site.host.probe('friend', { to: held.v6, proto: 'udp', port: 53 });
      await forgetNeighbours(site, 'friend');
      expect(known).toBe(held.mac);
    });

    /**
     * Replies are free before anybody's program is asked, and whom nobody knows on docker0 proves no source: a frame `D → self` in
     * D's name is judged as what a build sends to a neighbour, and makes an entry of conntrack whose replies go to D. (trap 2)
     */
    async function flipped(who: string, helper: string, to: 'private' | 'ten'): Promise<readonly string[]> {
      const [self, by] = [await seatOf(site, who), await seatOf(site, helper)];
      const place = places[to];
      const attempts = (['v4', 'v6'] as const).flatMap((family) =>
        Object.entries({ nothing: null, gateway: gateway.mac, neighbour: friend.mac, itself: self.mac }).map(
          ([way, mac]) => ({
            name: `${way} ${family}`,
            mac,
            family,
            sport: freshSport(),
            dport: freshSport(),
          }),
        ),
      );
      const sent = attempts.flatMap(({ mac, family, sport, dport }) => {
        if (mac === null) return [];
        const said = frames.udp({ src: place[family], dst: self[family], sport: dport, dport: sport }, 'lie');
        return [frames.ethernet({ from: by.mac, to: mac, type: frames.etherType(self[family]) }, said)];
      });
      await site.host.sendFrames(helper, sent);
      const probes = await site.host.probeMany(
        attempts.map(({ family, sport, dport }) => ({
          from: who,
          proto: 'udp' as const,
          to: place[family],
          port: dport,
          sport,
          timeout: 300,
        })),
      );
      return attempts.flatMap(({ name }, at) => (probes[at]?.arrived ? [`${name} ${probes[at]?.outcome}`] : []));
    }

    test('a build reaches nothing that guardrails deny by a reply it has made up', async () => {
      const came = await flipped('builder', 'builder', 'private');
      expect(came).toEqual([]);
    });

    test('nor does one that is held and may reach nothing, with the help of a build', async () => {
      const came = {
        private: await flipped('quiet', 'builder', 'private'),
        ten: await flipped('quiet', 'builder', 'ten'),
      };
      expect(came).toEqual({ private: [], ten: [] });
    });

    test('neither a build nor a held one goes round a guardrail by a source route by way of the host', async () => {
      for (const who of ['builder', 'friend'])
        for (const route of routes) expect(await goesByHost(site, who, 'bridge', route)).toBe(false);
      const { at } = await site.host.probe('builder', { to: places.ten.v4, proto: 'udp', port: 53 });
      expect(at).toContain('ten');
    });

    /** The same in the host's own name, by its address on the LAN: no route is asked for a bridged frame, so it is no martian. */
    async function flippedHost(who: string, helper: string): Promise<readonly string[]> {
      const [self, by] = [await seatOf(site, who), await seatOf(site, helper)];
      const attempts = (['v4', 'v6'] as const).flatMap((family) =>
        (
          [
            ['tcp', 22],
            ['udp', 53],
          ] as const
        ).flatMap(([proto, port]) =>
          // to another's MAC, so that whose name is used answers nothing itself; ebtables lets a frame go to whom it is for alone
          [null, friend.mac, self.mac].map((lies) => ({ family, proto, port, lies, sport: freshSport() })),
        ),
      );
      const sent = attempts.flatMap(({ family, proto, port, lies, sport }) => {
        if (lies === null) return [];
        const ends = { src: hostAddress[family], dst: self[family], sport: port, dport: sport };
        const said = proto === 'tcp' ? frames.tcp({ ...ends, flags: 'S' }) : frames.udp(ends, 'lie');
        return [frames.ethernet({ from: by.mac, to: lies, type: frames.etherType(self[family]) }, said)];
      });
      await site.host.sendFrames(helper, sent);
      const probes = await site.host.probeMany(
        attempts.map(({ family, proto, port, sport }) => ({
          from: who,
          proto,
          to: hostAddress[family],
          port,
          sport,
          timeout: 500,
        })),
      );
      return attempts.flatMap(({ family, proto, lies }, at) =>
        probes[at]?.arrived
          ? [
              `${family} ${proto} ${lies === null ? 'as it is' : lies === self.mac ? 'lies to itself' : 'lies'} ${probes[at]?.outcome}`,
            ]
          : [],
      );
    }

    test('a build reaches no port of the host that guardrails deny', async () => {
      const came = await flippedHost('builder', 'builder');
      expect(came).toEqual([]);
    });

    test('nor does one that is held and may reach nothing reach the host, with the help of a build', async () => {
      const came = await flippedHost('quiet', 'builder');
      expect(came).toEqual([]);
    });
  },
);
