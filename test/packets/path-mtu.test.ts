import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Probe } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places as far, hostAddress } from '../../lab/world.ts';
import { holdWith, waysOn } from './backends.ts';
import { families, type Path, paths, project } from './replies/ground.ts';
import { type Attempt, addressOf, applyPolicy, expectDenied } from './support.ts';

/** Bytes of a packet that the narrow link beyond the router takes: as few as IPv6 can do with (RFC 8200 section 5). */
const few = 1280;
/** Networks of the internet behind it. */
const narrow = { v4: '45.90.20.', v6: '2a0c:b641:20::' } as const;
const whole = { v4: `${narrow.v4}0/24`, v6: `${narrow.v6}/64` } as const;
const port = 443;
/** Bytes of a transfer: many packets. */
const size = 300_000;

const policy = `version: 1
projects:
  app:
    allow: none
    services:
      nat: { allow: ["internet:${port}", container/closed] }
      routed: { allow: ["internet:${port}"] }
containers: { closed: { allow: none } }
`;

/** A port of UDP that nobody serves in the container `closed`, and where the host publishes it. */
const [shut, published] = [9, 5309];

describe.each(waysOn('28.5', 'iptables-nft'))(
  'ICMP errors that are needed, engine $name',
  { timeout: 60_000 },
  (way) => {
    let site: Site;
    beforeAll(async () => {
      site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
      await site.host.compose('app', project(way.engine), 'up', '-d');
      const publish = ['-p', `${published}:${shut}/udp`];
      await site.host.docker('run', '-d', '--name', 'closed', '--network', 'app_nat', ...publish, 'lab/app');
      await makeNarrow(site);
      expect(await Promise.all(ends.map(told))).toEqual(ends.map(({ is }) => is));
      expect(await wholeOnes(10)).toEqual(everyWay.map(({ name }) => name));
      await withoutErrors(site, async () => expect(await wholeOnes(1)).toEqual([]));
      await applyPolicy(site, policy);
    });
    afterAll(() => site?.stop());

    const everyWay = paths.flatMap((path) => families.map((family) => ({ path, family, name: `${path} ${family}` })));
    /** Each transfer goes to an address of its own: what is learnt of a path is kept for ten minutes. */
    let places = 0;

    /** Transfers, all at once: where each went, and whether it came to its end within so many seconds. */
    async function transfers(seconds: number) {
      return Promise.all(
        everyWay.map(async ({ path, family, name }) => {
          const to = `${narrow[family]}${++places}`;
          return { path, name, to, isWhole: await isSent(site, path, to, seconds) };
        }),
      );
    }
    const wholeOnes = async (seconds: number) =>
      (await transfers(seconds)).filter(({ isWhole }) => isWhole).map(({ name }) => name);

    test('a transfer of an allowed container gets through a link beyond the host that takes smaller packets', async () => {
      const made = await transfers(10);
      expect(made.filter(({ isWhole }) => !isWhole)).toEqual([]);
      for (const { path, name, to } of made) {
        const { stdout } = await site.host.inNetworkOf(`app/${path}`, ['ip', 'route', 'get', to]);
        expect(stdout, `${name}: what the container has learnt`).toContain(`mtu ${few}`);
      }
    });

    /** Who sends a datagram to a port that nobody serves, and what it is told. */
    const ends = families.flatMap((family) => [
      {
        from: 'app/nat',
        family,
        to: () => addressOf(site, 'closed', family === 'v4' ? 4 : 6),
        port: shut,
        is: portUnreachable[family],
      },
      { from: 'the LAN', family, to: async () => hostAddress[family], port: published, is: portUnreachable[family] },
    ]);
    async function told({ from, to, port: at }: (typeof ends)[number]): Promise<string> {
      const spec = { to: await to(), port: at, proto: 'udp', timeout: 2_000 } as const;
      const { outcome, type, code }: Probe = await (from === 'the LAN'
        ? site.lanClient.probe(spec)
        : site.host.probe(from, spec));
      return `${outcome} ${type} ${code}`;
    }

    test('that nobody serves its port a container may say that may begin nothing, to a neighbour and to the LAN', async () => {
      expect(await Promise.all(ends.map(told))).toEqual(ends.map(({ is }) => is));
      const to = await addressOf(site, 'app/nat');
      const begun: readonly Attempt[] = [to, far.lanClient.v4, far.lanClient.v6].flatMap((one): readonly Attempt[] => [
        { from: 'closed', to: one, port: 9200, proto: 'udp' },
        { from: 'closed', to: one, proto: 'icmp' },
      ]);
      await expectDenied(site, begun);
    });
  },
);

/** ICMP and ICMPv6 for a port that nobody serves (RFC 792, RFC 4443 section 3.1). */
const portUnreachable = { v4: 'unreachable 3 3', v6: 'unreachable 1 4' } as const;

/** Makes the router's way to the narrow networks one that takes {@link few} bytes, and only that way. */
async function makeNarrow(site: Site): Promise<void> {
  for (const family of families) {
    const said = await site.router.must(['ip', `-${family.slice(1)}`, '-json', 'route', 'show', far.internet[family]]);
    const [{ gateway } = { gateway: '' }] = JSON.parse(said) as { gateway: string }[];
    await site.router.must(['ip', 'route', 'add', whole[family], 'via', gateway, 'mtu', 'lock', String(few)]);
  }
}

/**
 * Whether all that a container's network sends somebody is there within so many seconds. It is written at once, so that packets are as
 * large as the sender believes they may be.
 */
async function isSent(site: Site, path: Path, to: string, seconds: number): Promise<boolean> {
  const { pid } = await site.host.container(`app/${path}`);
  const send = `dd if=/dev/zero bs=${size} count=1 status=none >&3`;
  const talk = `exec 3<>/dev/tcp/${to}/${port}; ${send} & exec cat <&3 >/dev/null`;
  const sender = site.host.spawn(['/run/labtool', 'netns', String(pid), '--', 'bash', '-c', talk]);
  const end = Date.now() + seconds * 1000;
  let arrived = 0;
  while (arrived < size && Date.now() < end) {
    await sleep(50);
    const packets = await site.internet.seen(({ dst }) => dst === to);
    arrived = packets.reduce((sum, { len = 0 }) => sum + len, 0);
  }
  sender.kill('SIGKILL');
  return arrived >= size;
}

/** Runs something while the host keeps ICMP errors from coming in, as a firewall may that believes none. */
async function withoutErrors(site: Site, work: () => Promise<void>): Promise<void> {
  await site.host.nft(`table inet deaf { chain f { type filter hook forward priority -10;
    icmp type destination-unreachable drop
    icmpv6 type packet-too-big drop; }; }`);
  await work();
  await site.host.nft('delete table inet deaf');
}
