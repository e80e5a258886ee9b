import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshToken } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith, oneWayEach } from './backends.ts';
import { bridgeOf, gatewayOf, linkLocal, type Seat, seatOf } from './forging.ts';
import { forgetNeighbours, risenBy } from './kernel.ts';
import { type Attempt, applyPolicy, describeAttempt, expectAllowed, expectControl, expectDenied } from './support.ts';

/** `app` may speak to `mongo`; `elasticsearch` to groups and to the host; nobody else to anybody. */
const policy = `version: 1
projects:
  app:
    allow: none
    services:
      app: { allow: [service/mongo, internet] }
      elasticsearch: { allow: [multicast, gateway] }
`;

const families = ['v4', 'v6'] as const;
const from = 'app/app';

const ways = oneWayEach({ '20.10': 'iptables-legacy' });

describe.each(ways)('neighbours on one bridge, engine $name', { timeout: 60_000 }, ({ engine, backend }) => {
  let site: Site;
  let bridge: string;
  let seats: Record<'app' | 'mongo' | 'elasticsearch' | 'gateway', Seat>;

  const to = ({ v4, v6 }: Seat): readonly Attempt[] =>
    [v4, v6].flatMap((address): readonly Attempt[] => [
      { from, to: address, port: 9200 },
      { from, to: address, port: 9200, proto: 'udp' },
      { from, to: address, proto: 'icmp' },
    ]);
  const linkLocals = (seat: Seat, who = from): readonly Attempt[] => [
    { from: who, to: `${linkLocal(seat.mac)}%eth0`, port: 9200, timeout: 300 },
    { from: who, to: `${linkLocal(seat.mac)}%eth0`, port: 9200, proto: 'udp', timeout: 300 },
  ];
  const groups = (who: string): readonly Attempt[] =>
    ['172.20.255.255', '255.255.255.255', '224.0.0.251', 'ff02::fb%eth0', 'ff02::1%eth0', 'ff05::1:3%eth0'].map(
      (group) => ({
        from: who,
        to: group,
        port: 5353,
        proto: 'udp',
        timeout: 150,
      }),
    );

  /** Those of them that reach the other containers, who may be few: the host hears groups, too. */
  async function heardByNeighbours(attempts: readonly Attempt[]): Promise<readonly string[]> {
    const probes = await site.host.probeMany(attempts);
    const neighbours = (await site.host.containers()).map(({ name }) => name);
    return attempts
      .filter((_, index) => probes[index]?.at.some((name) => neighbours.includes(name)))
      .map(describeAttempt);
  }

  async function eitherWay(work: (how: string) => Promise<void>): Promise<void> {
    for (const on of [false, true]) {
      await site.host.setBrNetfilter(on);
      await work(`bridge-nf-call-* ${on}`);
    }
  }

  beforeAll(async () => {
    site = holdWith(await openSite({ engine }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    bridge = await bridgeOf(site, 'app_default');
    seats = {
      app: await seatOf(site, 'app/app'),
      mongo: await seatOf(site, 'app/mongo'),
      elasticsearch: await seatOf(site, 'app/elasticsearch'),
      gateway: await gatewayOf(site, 'app_default'),
    };
    // a container's link-local addresses are tentative for its first second or two
    for (const who of ['app/app', 'app/mongo', 'app/elasticsearch'])
      await until(`addresses of ${who}`, async () => {
        const { stdout } = await site.host.inNetworkOf(who, ['ip', '-6', 'addr', 'show', 'tentative']);
        return stdout === '' ? true : undefined;
      });
    await eitherWay(() =>
      expectControl(site, [
        ...[seats.mongo, seats.elasticsearch].flatMap((seat) => [...to(seat), ...linkLocals(seat)]),
        ...linkLocals(seats.gateway),
      ]),
    );
    await site.host.setBrNetfilter(false);
    for (const who of [from, 'app/elasticsearch'])
      expect(await heardByNeighbours(groups(who))).toEqual(groups(who).map(describeAttempt));
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  test('whom policy allows is reached and whom it does not is not, whatever the sysctls say', async () => {
    await eitherWay(async () => {
      await expectAllowed(site, to(seats.mongo));
      await expectDenied(site, to(seats.elasticsearch));
    });
  });

  test('denied TCP is refused at once, denied UDP is told', async () => {
    await eitherWay(async (how) => {
      const probes = await site.host.probeMany(
        families.flatMap((family) => [
          { from, to: seats.elasticsearch[family], port: 80 },
          { from, to: seats.elasticsearch[family], port: 80, proto: 'udp' as const },
        ]),
      );
      expect(
        probes.map(({ arrived }) => arrived),
        how,
      ).toEqual([false, false, false, false]);
      const told = probes.map(({ outcome }) => outcome);
      expect([told[0], told[2]], how).toEqual(['refused', 'refused']);
      // the kernel limits ICMP errors, so not every datagram is answered
      for (const outcome of [told[1], told[3]]) expect(['unreachable', 'timeout'], how).toContain(outcome);
      await sleep(1100); // … but each second some are
    });
    const [v4, v6] = await site.host.probeMany(
      families.map((family) => ({ from, to: seats.elasticsearch[family], port: 81, proto: 'udp' as const })),
    );
    expect([v4?.outcome, v4?.type, v4?.code]).toEqual(['unreachable', 3, 13]);
    expect([v6?.outcome, v6?.type, v6?.code]).toEqual(['unreachable', 1, 1]);
  });

  test('switching the sysctls while traffic flows lets nothing through and loses nothing', async () => {
    const stream = (seat: Seat, family: 'v4' | 'v6') =>
      site.host.stream(from, { proto: 'udp', to: seat[family], port: 9200, rate: 200, outside: true });
    const kept = await Promise.all(families.map((family) => stream(seats.mongo, family)));
    const cut = await Promise.all(families.map((family) => stream(seats.elasticsearch, family)));
    for (let round = 0; round < 6; round++) {
      await site.host.setBrNetfilter(round % 2 === 0);
      await sleep(150);
    }
    const denied = await site.host.observer('app/elasticsearch');
    for (const one of cut) {
      expect((await one.stop()).sent).toBeGreaterThan(100);
      expect(await denied.count(one.token)).toBe(0);
    }
    for (const one of kept) {
      const { sent, answered } = await one.stop();
      expect([sent > 100, answered]).toEqual([true, sent]);
    }
  });

  test("with the bridge's own switch turned off, traffic between neighbours stops instead of opening", async () => {
    await site.host.setBrNetfilter(false);
    await site.host.must([
      'ip',
      'link',
      'set',
      bridge,
      'type',
      'bridge',
      'nf_call_iptables',
      '0',
      'nf_call_ip6tables',
      '0',
    ]);
    const risen = await risenBy(site, async () => {
      await expectDenied(site, [...to(seats.mongo), ...to(seats.elasticsearch)]);
    });
    expect(risen['bridge unjudged']).toBeGreaterThan(5);
    await expectAllowed(
      site,
      families.map((family) => ({ from, to: places.internet[family], port: 80 })),
    );
    await applyPolicy(site, policy);
    await expectAllowed(site, to(seats.mongo));
  });

  test('multicast and broadcast reach neighbours only from whom policy lets', async () => {
    await eitherWay(async (how) => {
      expect(await heardByNeighbours(groups(from)), how).toEqual([]);
      expect(await heardByNeighbours(groups('app/elasticsearch')), how).toEqual(
        groups('app/elasticsearch').map(describeAttempt),
      );
    });
  });

  test('a hundred IPv6 connections of a hundred come about from cold neighbour caches', async () => {
    let [answered, prompt] = [0, 0];
    for (let round = 0; round < 25; round++) {
      await Promise.all(['host', from, 'app/mongo'].map((who) => forgetNeighbours(site, who)));
      const probes = await site.host.probeMany(
        [seats.mongo.v6, places.internet.v6].flatMap((address) => [
          // what is lost on the way is repeated after a second
          { from, to: address, port: 80, timeout: 3_000 },
          { from, to: address, port: 443, timeout: 3_000 },
        ]),
      );
      prompt += probes.filter(({ outcome, rtt }) => outcome === 'answered' && rtt < 600_000).length;
      answered += probes.filter(({ outcome }) => outcome === 'answered').length;
    }
    expect(answered).toBe(100);
    expect(prompt).toBeGreaterThanOrEqual(90);
  });

  test('link-local addresses are judged: neighbour and host, from whom policy lets and from whom not', async () => {
    await eitherWay(async () => {
      await expectDenied(site, [...linkLocals(seats.elasticsearch), ...linkLocals(seats.gateway)]);
      const own = linkLocals(seats.gateway, 'app/elasticsearch');
      await expectControl(site, own);
    });
  });

  test('over link-local addresses no answer comes from who may not begin', async () => {
    await eitherWay(async (how) => {
      const probes = await site.host.probeMany(linkLocals(seats.mongo));
      expect(
        probes.map(({ arrived, outcome }) => [arrived, outcome]),
        how,
      ).toEqual([
        [true, 'timeout'],
        [true, 'timeout'],
      ]);
    });
    await applyPolicy(site, policy.replace('services:', 'services:\n      mongo: { allow: [service/app] }'));
    await eitherWay(() => expectAllowed(site, linkLocals(seats.mongo)));
    await applyPolicy(site, policy);
  });

  test('a container that may do nothing still leaves groups, and only the host hears it', async () => {
    const self = seats.mongo;
    const token = freshToken();
    const own = linkLocal(self.mac);
    const leave = frames.icmp(
      { src: own, dst: 'ff02::2', type: 132, ttl: 1 },
      Uint8Array.from([0, 0, 0, 0, ...frames.ip('ff02::fb'), ...Buffer.from(token)]),
    );
    const host = await site.host.observer('host');
    const neighbours = await Promise.all(['app/app', 'app/elasticsearch'].map((who) => site.host.observer(who)));
    await site.host.sendFrames('app/mongo', [
      frames.ethernet({ from: self.mac, to: frames.multicastMac('ff02::2'), type: 0x86dd }, leave),
    ]);
    expect(await host.saw(token)).toBe(true);
    for (const neighbour of neighbours) expect(await neighbour.saw(token)).toBe(false);
  });
});
