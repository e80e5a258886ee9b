import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { bridgeOf, linkLocal, type Seat, seatOf } from '../packets/forging.ts';
import { forgetNeighbours, risenBy } from '../packets/kernel.ts';
import { applyPolicy, expectAllowed } from '../packets/support.ts';
import { bytes, fragmented } from './fragments.ts';
import { attackWaysOfBoth } from './ways.ts';

/** What a container with Docker's own capabilities tells the bridge it is on. */

const policy = `version: 1
projects:
  app:
    allow: none
    services: { mongo: { allow: any } }
`;
const everybody = { v4: '224.0.0.1', v6: 'ff02::1', mac4: '01:00:5e:00:00:01', mac6: '33:33:00:00:00:01' } as const;
const routerAlert = [0, 5, 2, 0, 0, 1, 0]; // RFC 2711, behind the next header
const aGroup = { v4: '239.1.2.3', mac4: '01:00:5e:01:02:03' } as const;

/** Asks, as a router does, who listens to which groups. Whoever is believed keeps multicast from those that do not answer. */
const questions: Readonly<Record<string, (self: Seat) => readonly Uint8Array[]>> = {
  'MLD (RFC 2710)': ({ mac }) => {
    const packet = { src: linkLocal(mac), dst: everybody.v6, proto: 0, ttl: 1 };
    const body = bytes([58], routerAlert, mldQuestion(mac));
    return [frames.ethernet({ from: mac, to: everybody.mac6, type: 0x86dd }, frames.packet(packet, body))];
  },
  // the ICMPv6 behind two headers of destination options, cut between them, and the router's alert outside the fragments
  'MLD in fragments': ({ mac }) => {
    const ends = { src: linkLocal(mac), dst: everybody.v6 };
    const padded = (next: number) => [next, 0, 1, 4, 0, 0, 0, 0]; // RFC 8200 4.2: PadN over the rest of 8 bytes
    const link = { from: mac, to: everybody.mac6 };
    const body = bytes(padded(60), padded(58), mldQuestion(mac));
    return fragmented({ ...link, ...ends, next: 60 }, body, [8]).map((frame) => {
      const packet = frames.packet({ ...ends, proto: 0, ttl: 1 }, bytes([44], routerAlert, frame.slice(14 + 40)));
      return frames.ethernet({ ...link, type: 0x86dd }, packet);
    });
  },
  'IGMP to all (RFC 2236)': (self) => [igmpQuestion(self, everybody.v4, everybody.mac4, 1, '0.0.0.0')],
  'IGMPv1 for a group, to the group': (self) => [igmpQuestion(self, aGroup.v4, aGroup.mac4, 0, aGroup.v4)],
};

function mldQuestion(mac: string): Uint8Array {
  const ends = { src: linkLocal(mac), dst: everybody.v6 };
  return frames.icmp({ ...ends, type: 130 }, bytes([0, 1, 0, 0], new Uint8Array(16))).slice(40);
}

function igmpQuestion({ mac, v4 }: Seat, dst: string, to: string, code: number, group: string): Uint8Array {
  const body = bytes([0x11, code, 0, 0], frames.ip(group));
  const sum = frames.checksum(body);
  body.set([sum >> 8, sum & 255], 2);
  return frames.ethernet({ from: mac, to, type: 0x0800 }, frames.packet({ src: v4, dst, proto: 2, ttl: 1 }, body));
}

describe.each(attackWaysOfBoth)('attacks on the bridge from inside, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine, routed: true }), way.backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    // a network of its own for the control, since a bridge does not soon forget a router
    await site.host.compose('ctl', article({ ipv6: true, net: 21, publish: null }), 'up', '-d');
    for (const name of Object.keys(questions)) {
      await ask('ctl', name);
      await until(`the bridge to believe ${name}`, async () => ((await routers('ctl')) === '' ? undefined : true));
      await forgetRouters('ctl');
    }
    await builderAsks(async () => {
      await until('docker0 to believe it', async () => ((await routersOf('docker0')) === '' ? undefined : true));
      await forget('docker0');
    });
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** The ports of a project's bridge where it believes a router of multicast to be. */
  const routers = async (project: string) => routersOf(await bridgeOf(site, `${project}_default`));
  const forgetRouters = async (project: string) => forget(await bridgeOf(site, `${project}_default`));

  async function routersOf(bridge: string): Promise<string> {
    const listed = await site.host.must(['bridge', '-d', 'mdb', 'show', 'dev', bridge]);
    return /^router ports on \S+:[ \t]*(.*)$/m.exec(listed)?.[1]?.trim() ?? '';
  }

  async function forget(bridge: string): Promise<void> {
    for (const port of (await routersOf(bridge)).split(/\s+/))
      for (const value of ['0', '1'])
        await site.host.must(['ip', 'link', 'set', 'dev', port, 'type', 'bridge_slave', 'mcast_router', value]);
    expect(await routersOf(bridge)).toBe('');
  }

  async function ask(project: string, question: string): Promise<void> {
    const sent = questions[question]?.(await seatOf(site, `${project}/elasticsearch`)) ?? [];
    await site.host.sendFrames(`${project}/elasticsearch`, sent, { count: 3, interval: 100_000 });
  }

  test.each(Object.keys(questions))(
    'who asks for listeners by %s does not become the router of the bridge',
    async (name) => {
      const risen = await risenBy(site, () => ask('app', name));
      if (way.backend === 'nftables') expect(risen['bridge spoofed'] ?? 0).toBeGreaterThanOrEqual(3);
      await sleep(1_500);
      expect(await routers('app')).toBe('');
    },
  );

  /** By each question in turn, from docker0, where with rules and no daemon a container nobody knows stands for a build. */
  async function builderAsks(then: () => Promise<void>): Promise<void> {
    await site.host.docker('run', '-d', '--name', 'builder', 'lab/app');
    const { mac, v4 } = await seatOf(site, 'builder');
    for (const question of Object.values(questions)) {
      await site.host.sendFrames('builder', question({ mac, v4, v6: linkLocal(mac) }), { count: 3, interval: 100_000 });
      await then();
    }
    await expectAllowed(site, [{ from: 'builder', to: places.internet.v4, port: 80 }]);
    await site.host.docker('rm', '-f', 'builder');
  }

  test('nor does, on docker0, whom nobody knows while builds may run', async () => {
    await builderAsks(async () => {
      await sleep(1_500);
      expect(await routersOf('docker0')).toBe('');
    });
  });

  test('who asked for listeners cuts nobody from IPv6', async () => {
    const bridge = await bridgeOf(site, 'app_default');
    // groups are forgotten when nobody has named them for some minutes: with a router believed in, nothing reaches them then
    for (const value of ['0', '1'])
      await site.host.must(['ip', 'link', 'set', 'dev', bridge, 'type', 'bridge', 'mcast_snooping', value]);
    for (const who of ['host', 'app/mongo']) await forgetNeighbours(site, who);
    await expectAllowed(site, [{ from: 'app/mongo', to: places.internet.v6, port: 80 }]);
  });
});
