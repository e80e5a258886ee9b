import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../../../lab/exec.ts';
import * as frames from '../../../lab/frames.ts';
import type { Packet } from '../../../lab/observer.ts';
import { freshSport, freshToken } from '../../../lab/probe.ts';
import type { Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import { bridgeOf, gatewayOf, seatOf } from '../forging.ts';
import { applyPolicy, removePolicy } from '../support.ts';
import { type Family, families, flush, kept, naively, type Path, paths, tight } from './ground.ts';

async function hairpin(site: Site, bridge: string): Promise<void> {
  const ports = JSON.parse(await site.host.must(['ip', '-json', 'link', 'show', 'master', bridge])) as {
    ifname: string;
  }[];
  for (const { ifname } of ports)
    await site.host.must(['ip', 'link', 'set', ifname, 'type', 'bridge_slave', 'hairpin', 'on']);
}

/** Says `D → self` in D's name, so that `self → D` looks like a reply, by each way there is; and then sends it. */
async function forgedReplies(site: Site, path: Path): Promise<readonly string[]> {
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
        const said = frames.udp({ src: places.private[family], dst: self[family], sport: dport, dport: sport }, 'lie');
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

/** Resets that a container gets when it sends what fits no window into a LAN client's conversation with it. */
async function resetsForInvalid(site: Site): Promise<number> {
  const self = await seatOf(site, 'app/nat');
  const gateway = await gatewayOf(site, 'app_nat');
  const seen = await site.host.observer('app/nat');
  let resets = 0;
  for (const family of families) {
    const sport = freshSport();
    const client = places.lanClient[family];
    const stream = site.lanClient.stream({ proto: 'tcp', to: hostAddress[family], port: 3000, rate: 50, sport });
    await until('the conversation', async () => (await seen.count(stream.token)) > 10 || undefined);
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

interface Quote {
  readonly name: string;
  readonly token: string;
  readonly frame: Uint8Array;
}

/** ICMP errors of a container about packets that somebody is said to have sent it. */
async function quotes(site: Site, path: Path, family: Family, flow: number): Promise<readonly Quote[]> {
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

async function errorsThatArrive(site: Site): Promise<readonly string[]> {
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
    for (const { stream } of streams)
      await until('the conversation', async () => (await site.internet.observer.saw(stream.token)) || undefined);
    await sleep(100);
    const all = (await Promise.all(streams.map(({ family, sport }) => quotes(site, path, family, sport)))).flat();
    await site.host.sendFrames(
      `app/${path}`,
      all.map(({ frame }) => frame),
    );
    await sleep(300);
    const packets = [site.internet, site.private].map((far) => far.seen(({ token }) => token !== undefined));
    const tokens = new Set((await Promise.all(packets)).flat().map(({ token }: Packet) => token));
    arrived.push(...all.filter(({ token }) => tokens.has(token)).map(({ name }) => name));
    await Promise.all(streams.map(({ stream }) => stream.stop()));
  }
  return arrived;
}

/** Conversations, and parts of some, that a container makes up, so that what it sends looks like a reply. */
export function forgedConversations(siteOf: () => Site): void {
  describe('forged conversations', () => {
    test('a forged conversation makes no replies', async () => {
      const site = siteOf();
      await removePolicy(site);
      // as where no docker-proxy runs: a bridge then gives a frame back to the port that it came from
      for (const path of paths) await hairpin(site, await bridgeOf(site, `app_${path}`));
      const drop = (bridges: string) =>
        `${bridges} ip daddr ${places.private.v4} drop\n${bridges} ip6 daddr ${places.private.v6} drop`;
      const fooled = families.flatMap((family) =>
        ['gateway true', 'gateway false', 'neighbour true', 'itself true'].map((name) =>
          name.replace(' ', ` ${family} `),
        ),
      );
      await naively(site, drop, async () => {
        // on a busy machine the first packets of a fresh network may wait for longer than a probe does
        for (const path of paths)
          await until(`every forged reply of ${path}`, async () => {
            const arrived = await forgedReplies(site, path);
            return fooled.every((name) => arrived.includes(name)) ? true : undefined;
          });
      });
      await flush(site);
      await applyPolicy(site, tight);
      for (const path of paths) expect(await forgedReplies(site, path), path).toEqual([]);
    });

    test('what is invalid in an inbound conversation is not answered with a reset', async () => {
      const site = siteOf();
      await removePolicy(site);
      // a reply to whoever asks conntrack; but what is invalid is nobody's reply
      await naively(
        site,
        () => 'ct state invalid meta l4proto tcp reject with tcp reset',
        async () => expect(await resetsForInvalid(site)).toBeGreaterThan(2),
      );
      await applyPolicy(site, tight);
      expect(await resetsForInvalid(site)).toBe(0);
    });

    test('ICMP errors about allowed conversations of its own leave a container, others do not', async () => {
      const site = siteOf();
      const named = (...names: string[]) =>
        paths.flatMap((path) => families.flatMap((family) => names.map((name) => `${path} ${family} ${name}`)));
      await removePolicy(site);
      expect(await errorsThatArrive(site)).toEqual(
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
      expect(await errorsThatArrive(site)).toEqual(named('too big, own', 'unreachable, own'));
    });
  });
}
