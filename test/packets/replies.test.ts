import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import type { Packet } from '../../lab/observer.ts';
import { freshSport, freshToken } from '../../lab/probe.ts';
import type { Engine } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, waysOf } from './backends.ts';
import { bridgeOf, gatewayOf, seatOf } from './forging.ts';
import { applyPolicy, removePolicy, withoutDockersRules } from './support.ts';

const families = ['v4', 'v6'] as const;
const protocols = ['tcp', 'udp'] as const;
const paths = ['nat', 'routed'] as const;
type Family = (typeof families)[number];

/** A container behind masquerade and one whose addresses the world has routes to, each with a neighbour. */
function project(engine: Engine): string {
  // what makes a network routed: before engine 27 nothing but the want of masquerade
  const routed =
    engine === '28.5'
      ? {
          'com.docker.network.bridge.gateway_mode_ipv4': 'routed',
          'com.docker.network.bridge.gateway_mode_ipv6': 'routed',
        }
      : { 'com.docker.network.bridge.enable_ip_masquerade': 'false' };
  const service = (name: string, ports: readonly string[]) =>
    `  ${name}: { image: lab/app, networks: [${name.replace('friend-', '')}], ports: ${JSON.stringify(ports)} }`;
  return `version: '3'
services:
${service('nat', ['3000:3000', '5300:53/udp'])}
${service('routed', ['3001:3000', '5301:53/udp'])}
${service('friend-nat', [])}
${service('friend-routed', [])}
networks:
  nat:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
  routed:
    enable_ipv6: true
    driver_opts: ${JSON.stringify(routed)}
    ipam: { config: [{ subnet: 172.21.0.0/16 }, { subnet: "fd00:172:21::/64" }] }
`;
}

const conversations = paths.flatMap((path) =>
  families.flatMap((family) => protocols.map((proto) => ({ path, family, proto, name: `${path} ${family} ${proto}` }))),
);
const everyTalk = conversations.map(({ name }) => name);
const unNated = conversations.filter(({ path }) => path === 'routed').map(({ name }) => name);

/** Ports of a server that speaks unasked: what every policy here allows, and what only the first does. */
const kept = 6001;
const lost = 6000;
const open = `version: 1
projects: { app: { allow: any } }
`;
const tight = `version: 1
projects: { app: { allow: ["internet:${kept}/tcp+udp"] } }
`;

const ways = waysOf({ '28.5': 'iptables-legacy' });

describe.each(ways)('replies on engine $name', { timeout: 60_000 }, ({ engine, backend }) => {
  let site: Site;
  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', project(engine), 'up', '-d');
    await site.internet.serve(['tcp', String(kept), String(lost), 'udp', String(kept), String(lost), '--push', '20']);
    // what the kernel forgets after minutes, it forgets here within the test
    await site.host.sysctl({
      'net.netfilter.nf_conntrack_udp_timeout': 1,
      'net.netfilter.nf_conntrack_udp_timeout_stream': 1,
      'net.netfilter.nf_conntrack_tcp_timeout_close': 1,
    });
  });
  afterAll(() => site?.stop());

  const talk = (port: number) =>
    Promise.all(
      conversations.map(async (each) => {
        const { path, family, proto } = each;
        const sport = freshSport();
        const to = places.internet[family];
        return {
          ...each,
          sport,
          stream: await site.host.stream(`app/${path}`, { proto, to, port, rate: 20, sport, outside: true }),
        };
      }),
    );
  type Talk = Awaited<ReturnType<typeof talk>>;
  const end = (talks: Talk) => Promise.all(talks.map(async ({ name, stream }) => ({ name, ...(await stream.stop()) })));

  /** Of which of these conversations packets arrived after an instant, microseconds since the epoch. */
  async function alive(talks: Talk, port: number, since: number): Promise<readonly string[]> {
    const packets = await site.internet.seen(({ t, dport }) => t > since && dport === port);
    // masquerade keeps the source port where it is free, so it tells of handshakes, too; a bare reset is the host's own
    const said = packets.filter(({ flags }) => flags !== 'R');
    return talks
      .filter(({ sport, stream }) => said.some((packet) => packet.sport === sport || packet.token === stream.token))
      .map(({ name }) => name);
  }

  const flush = () => site.host.must(['conntrack', '-F']);
  const now = () => Date.now() * 1000;

  /** A firewall that believes every reply, in the place of Sluice, while something is done. */
  async function naively(drop: (bridges: string) => string, work: () => Promise<void>): Promise<void> {
    const bridges = await Promise.all(paths.map((path) => bridgeOf(site, `app_${path}`)));
    await site.host.nft(`table inet naive { chain f { type filter hook forward priority -10;
      ct direction reply accept
      ${drop(`iifname { ${bridges.join(', ')} }`)}; }; }`);
    try {
      await work();
    } finally {
      await site.host.nft('delete table inet naive');
    }
  }

  test('control: a firewall that believes every reply is fooled where there is no NAT', async () => {
    const talks = await talk(lost);
    const began = now() - 60_000_000;
    await until(
      'every conversation',
      async () => (await alive(talks, lost, began)).length === talks.length || undefined,
    );
    await naively(
      (bridges) => `${bridges} meta l4proto { tcp, udp } th dport ${lost} drop`,
      async () => {
        // what was on its way before the rule arrives yet
        await sleep(500);
        const dropped = now();
        await sleep(300);
        expect(await alive(talks, lost, dropped)).toEqual([]);
        await withoutDockersRules(site, async () => {
          await flush();
          await sleep(800);
          const flushed = now();
          await until('those that are fooled', async () => {
            const names = await alive(talks, lost, flushed);
            return unNated.every((name) => names.includes(name)) || undefined;
          });
          await sleep(300);
          expect(await alive(talks, lost, flushed)).toEqual(unNated);
        });
      },
    );
    await end(talks);
  });

  test('a forbidden conversation stays dead when its entry expires and after conntrack -F, an allowed one lives', async () => {
    await applyPolicy(site, open);
    const [dying, living] = [await talk(lost), await talk(kept)];
    await sleep(600);
    const before = now() - 300_000;
    expect(await alive(dying, lost, before)).toEqual(everyTalk);
    expect(await alive(living, kept, before)).toEqual(everyTalk);

    await applyPolicy(site, tight);
    const tightened = now();
    const inside = await site.host.observer('app/nat');
    await withoutDockersRules(site, async () => {
      await sleep(2500);
      expect(await alive(dying, lost, tightened)).toEqual([]);
      // what is pushed to a translated address no longer finds the container; resets are ours, for its new attempts
      const pushed = ({ t, sport, flags }: Packet) =>
        t > tightened + 500_000 && sport === lost && !flags?.includes('R');
      expect(await inside.count(pushed)).toBe(0);
      await flush();
      await sleep(500);
      await flush();
      await sleep(1500);
      expect(await alive(dying, lost, tightened)).toEqual([]);
      expect(await alive(living, kept, now() - 500_000)).toEqual(everyTalk);
    });
    await end(dying);
    for (const { name, connects, answered } of await end(living)) {
      expect(answered, name).toBeGreaterThan(50);
      // where addresses are translated, the host itself resets what the server pushes into a flushed table
      if (name !== 'nat v4 tcp' && name !== 'nat v6 tcp') expect(connects, name).toBe(1);
    }
  });

  test('what came in through published ports before Sluice lives on, and they serve after conntrack -F', async () => {
    await removePolicy(site);
    const routed = await seatOf(site, 'app/routed');
    const visits = protocols.flatMap((proto) =>
      families.flatMap((family) => [
        { name: `DNAT ${family} ${proto}`, proto, to: hostAddress[family], port: proto === 'tcp' ? 3000 : 5300 },
        { name: `route ${family} ${proto}`, proto, to: routed[family], port: proto === 'tcp' ? 3000 : 53 },
      ]),
    );
    const visit = () =>
      visits.map(({ name, ...spec }) => ({ name, stream: site.lanClient.stream({ ...spec, rate: 20 }) }));
    const older = visit();
    await sleep(500);
    await applyPolicy(site, tight);
    await sleep(500);
    const late = now() - 200_000;
    // the middle of a TCP connection without DNAT may be one that the container began itself: it has to begin anew
    const going = older.filter(({ name }) => !/^route .* tcp$/.test(name));
    for (const { stream } of older.filter((one) => !going.includes(one))) await stream.stop();
    for (const { name, stream } of going) {
      const { connects, lastAnswer, sent, answered } = await stream.stop();
      expect([connects, lastAnswer > late, sent - answered < 5], name).toEqual([1, true, true]);
    }
    const flushed = visit();
    await sleep(500);
    await flush();
    await sleep(500);
    const again = visit();
    await sleep(500);
    const later = now() - 300_000;
    // a TCP connection that conntrack meets in the middle may be anybody's, so only datagrams go on; all may begin anew
    const served = [...flushed.filter(({ name }) => name.endsWith('udp')), ...again];
    for (const { name, stream } of served) expect((await stream.stop()).lastAnswer, name).toBeGreaterThan(later);
    for (const { stream } of flushed) await stream.stop();
  });

  async function hairpin(bridge: string): Promise<void> {
    const ports = JSON.parse(await site.host.must(['ip', '-json', 'link', 'show', 'master', bridge])) as {
      ifname: string;
    }[];
    for (const { ifname } of ports)
      await site.host.must(['ip', 'link', 'set', ifname, 'type', 'bridge_slave', 'hairpin', 'on']);
  }

  /** Says `D → self` in D's name, so that `self → D` looks like a reply, by each way there is; and then sends it. */
  async function forgedReplies(path: 'nat' | 'routed'): Promise<readonly string[]> {
    const who = `app/${path}`;
    const self = await seatOf(site, who);
    const friend = await seatOf(site, `app/friend-${path}`);
    const gateway = await gatewayOf(site, `app_${path}`);
    const arrived: string[] = [];
    for (const on of [true, false]) {
      await site.host.setBrNetfilter(on);
      const attempts = families.flatMap((family) =>
        [
          { way: 'gateway', to: gateway.mac },
          { way: 'neighbour', to: friend.mac },
          { way: 'everybody', to: 'ff:ff:ff:ff:ff:ff' },
          { way: 'itself', to: self.mac },
        ].map(({ way, to }) => ({
          name: `${way} ${family} ${on}`,
          to,
          family,
          sport: freshSport(),
          dport: freshSport(),
        })),
      );
      await site.host.sendFrames(
        who,
        attempts.map(({ to, family, sport, dport }) => {
          const said = frames.udp(
            { src: places.private[family], dst: self[family], sport: dport, dport: sport },
            'lie',
          );
          return frames.ethernet({ from: self.mac, to, type: frames.etherType(self[family]) }, said);
        }),
      );
      const probes = await site.host.probeMany(
        attempts.map(({ family, sport, dport }) => ({
          from: who,
          proto: 'udp',
          to: places.private[family],
          port: dport,
          sport,
          timeout: 200,
        })),
      );
      arrived.push(...attempts.filter((_, index) => probes[index]?.arrived).map(({ name }) => name));
    }
    await site.host.setBrNetfilter(true);
    return arrived;
  }

  test('a forged conversation makes no replies', async () => {
    await removePolicy(site);
    // as where no docker-proxy runs: a bridge then gives a frame back to the port that it came from
    for (const path of paths) await hairpin(await bridgeOf(site, `app_${path}`));
    const drop = (bridges: string) =>
      `${bridges} ip daddr ${places.private.v4} drop\n${bridges} ip6 daddr ${places.private.v6} drop`;
    const fooled = families.flatMap((family) =>
      ['gateway true', 'gateway false', 'neighbour true', 'itself true'].map((name) =>
        name.replace(' ', ` ${family} `),
      ),
    );
    await naively(drop, async () => {
      // on a busy machine the first packets of a fresh network may wait for longer than a probe does
      for (const path of paths)
        await until(`every forged reply of ${path}`, async () => {
          const arrived = await forgedReplies(path);
          return fooled.every((name) => arrived.includes(name)) ? true : undefined;
        });
    });
    await flush();
    await applyPolicy(site, tight);
    for (const path of paths) expect(await forgedReplies(path), path).toEqual([]);
  });

  /** Resets that a container gets when it sends what fits no window into a LAN client's conversation with it. */
  async function resetsForInvalid(): Promise<number> {
    const self = await seatOf(site, 'app/nat');
    const gateway = await gatewayOf(site, 'app_nat');
    const seen = await site.host.observer('app/nat');
    let resets = 0;
    for (const family of families) {
      const sport = freshSport();
      const client = places.lanClient[family];
      const stream = site.lanClient.stream({ proto: 'tcp', to: hostAddress[family], port: 3000, rate: 50, sport });
      await sleep(300);
      const wild = [1, 2, 3, 4].map((n) =>
        frames.tcp({
          src: self[family],
          dst: client,
          sport: 3000,
          dport: sport,
          flags: 'A',
          seq: n * 0x3000_0000,
          ack: n * 0x1234_5678,
        }),
      );
      await site.host.sendFrames(
        'app/nat',
        wild.map((packet) =>
          frames.ethernet({ from: self.mac, to: gateway.mac, type: frames.etherType(client) }, packet),
        ),
      );
      await sleep(200);
      const { connects, sent, answered } = await stream.stop();
      resets += await seen.count(
        ({ src, sport: from, flags }) => src === client && from === sport && /R/.test(flags ?? ''),
      );
      if (resets === 0) expect([connects, sent > 10, sent - answered < 3], family).toEqual([1, true, true]);
    }
    return resets;
  }

  test('what is invalid in an inbound conversation is not answered with a reset', async () => {
    await removePolicy(site);
    // a reply to whoever asks conntrack; but what is invalid is nobody's reply
    await naively(
      () => 'ct state invalid meta l4proto tcp reject with tcp reset',
      async () => expect(await resetsForInvalid()).toBeGreaterThan(2),
    );
    await applyPolicy(site, tight);
    expect(await resetsForInvalid()).toBe(0);
  });

  interface Quote {
    readonly name: string;
    readonly token: string;
    readonly frame: Uint8Array;
  }

  /** ICMP errors of a container about packets that somebody is said to have sent it. */
  async function quotes(path: 'nat' | 'routed', family: Family, flow: number): Promise<readonly Quote[]> {
    const self = await seatOf(site, `app/${path}`);
    const gateway = await gatewayOf(site, `app_${path}`);
    const server = places.internet[family];
    const [tooBig, unreachable, echo] =
      family === 'v4'
        ? [
            [3, 4],
            [3, 3],
            [8, 0],
          ]
        : [
            [2, 0],
            [1, 4],
            [128, 0],
          ];
    const error = (
      name: string,
      [type = 0, code = 0]: readonly number[],
      to: string,
      about: { src: string; sport: number; dport: number },
    ) => {
      const token = freshToken();
      const about64 = frames.udp({ src: about.src, dst: self[family], sport: about.sport, dport: about.dport }, token);
      const body = Uint8Array.from([0, 0, 5, 0, ...about64]); // the path's MTU is 1280
      const packet = frames.icmp({ src: self[family], dst: to, type, code }, body);
      return {
        name: `${path} ${family} ${name}`,
        token,
        frame: frames.ethernet({ from: self.mac, to: gateway.mac, type: frames.etherType(to) }, packet),
      };
    };
    const own = { src: server, sport: kept, dport: flow };
    return [
      error('too big, own', tooBig ?? [], server, own),
      error('unreachable, own', unreachable ?? [], server, own),
      error('too big, of no conversation', tooBig ?? [], server, { ...own, dport: 7999 }),
      error('too big, own but to another', tooBig ?? [], places.private[family], own),
      error('too big, of another server', tooBig ?? [], places.private[family], {
        ...own,
        src: places.private[family],
      }),
      error('echo request', echo ?? [], server, own),
    ];
  }

  async function errorsThatArrive(): Promise<readonly string[]> {
    const arrived: string[] = [];
    for (const path of paths) {
      const streams = await Promise.all(
        families.map(async (family) => {
          const sport = freshSport();
          const spec = {
            proto: 'udp',
            to: places.internet[family],
            port: kept,
            rate: 20,
            sport,
            outside: true,
          } as const;
          return { family, sport, stream: await site.host.stream(`app/${path}`, spec) };
        }),
      );
      await sleep(200);
      const all = (await Promise.all(streams.map(({ family, sport }) => quotes(path, family, sport)))).flat();
      await site.host.sendFrames(
        `app/${path}`,
        all.map(({ frame }) => frame),
      );
      await sleep(50);
      const packets = [site.internet, site.private].map((far) => far.seen(({ token }) => token !== undefined));
      const tokens = new Set((await Promise.all(packets)).flat().map(({ token }: Packet) => token));
      arrived.push(...all.filter(({ token }) => tokens.has(token)).map(({ name }) => name));
      await Promise.all(streams.map(({ stream }) => stream.stop()));
    }
    return arrived;
  }

  test('ICMP errors about allowed conversations of its own leave a container, others do not', async () => {
    const named = (...names: string[]) =>
      paths.flatMap((path) => families.flatMap((family) => names.map((name) => `${path} ${family} ${name}`)));
    await removePolicy(site);
    expect(await errorsThatArrive()).toEqual(
      named(
        'too big, own',
        'unreachable, own',
        'too big, of no conversation',
        'too big, own but to another',
        'too big, of another server',
        'echo request',
      ),
    );
    await applyPolicy(site, tight);
    expect(await errorsThatArrive()).toEqual(named('too big, own', 'unreachable, own'));
  });

  test('who gets an address of another container does not get its conversations', async () => {
    await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
    const talkTo = { to: places.internet.v4, port: kept, proto: 'udp', sport: freshSport() } as const;
    const at = ['--network', 'app_routed', '--ip', '172.21.9.9', '--ip6', 'fd00:172:21::9:9'];
    const run = (name: string, ...more: string[]) =>
      site.host.docker('run', '-d', '--name', name, ...at, ...more, 'lab/app');
    await run('old', '--label', 'com.docker.compose.project=app', '--label', 'com.docker.compose.service=old');
    await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
    expect((await site.host.probe('old', talkTo)).at).toEqual(['internet']);
    await site.host.docker('rm', '-f', 'old');
    await run('fresh');
    expect((await site.host.probe('fresh', talkTo)).arrived, 'before it is known').toBe(false);
    await applyPolicy(site, `${open}containers: { fresh: { allow: none } }\n`);
    expect((await site.host.probe('fresh', talkTo)).arrived).toBe(false);
    await removePolicy(site);
    const free = await site.host.probe('fresh', talkTo);
    expect(free.arrived, `without Sluice: ${JSON.stringify(free)}`).toBe(true);
    await site.host.docker('rm', '-f', 'fresh');
  });
});
