import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { forgedUdp, gatewayOf, linkLocal, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { believeAtOnce, forgetNeighbours } from '../packets/kernel.ts';
import { applyPolicy, expectAllowed } from '../packets/support.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * A build on docker0, where who is not known is judged instead of dropped: it claims to be the gateway of its neighbours, or
 * works together with one, who sends to it what says that it goes where that one may send.
 */

const policy = `version: 1
containers:
  held: { allow: any }
  friend: { allow: any }
`;
const all = 'ff02::1';

interface Ends {
  readonly builder: Seat;
  readonly victim: Seat;
  readonly gateway: Seat;
}

/** Ways to say that the gateway is where the builder is. */
const claims: Readonly<Record<string, (ends: Ends) => { readonly address: string; readonly frame: Uint8Array }>> = {
  'an answer of ARP': ({ builder, victim, gateway }) => ({
    address: gateway.v4,
    frame: frames.arp({
      op: 2,
      sha: builder.mac,
      spa: gateway.v4,
      tha: victim.mac,
      tpa: victim.v4,
      to: victim.mac,
    }),
  }),
  'a question of ARP, to all': ({ builder, victim, gateway }) => ({
    address: gateway.v4,
    frame: frames.arp({
      op: 1,
      sha: builder.mac,
      spa: gateway.v4,
      tha: '00:00:00:00:00:00',
      tpa: victim.v4,
      to: 'ff:ff:ff:ff:ff:ff',
    }),
  }),
  'a neighbour advertisement': ({ builder, victim, gateway }) => ({
    address: linkLocal(gateway.mac),
    frame: inFrame(
      builder,
      victim.mac,
      frames.neighborAdvert({
        src: linkLocal(builder.mac),
        dst: linkLocal(victim.mac),
        target: linkLocal(gateway.mac),
        lladdr: builder.mac,
      }),
    ),
  }),
  'a neighbour solicitation': ({ builder, victim, gateway }) => ({
    address: linkLocal(gateway.mac),
    frame: inFrame(
      builder,
      victim.mac,
      frames.neighborSolicit({
        src: linkLocal(gateway.mac),
        dst: linkLocal(victim.mac),
        target: linkLocal(victim.mac),
        lladdr: builder.mac,
      }),
    ),
  }),
  'a neighbour advertisement to all, from the gateway': ({ builder, gateway }) => ({
    address: linkLocal(gateway.mac),
    frame: inFrame(
      builder,
      frames.multicastMac(all),
      frames.neighborAdvert({
        src: linkLocal(gateway.mac),
        dst: all,
        target: linkLocal(gateway.mac),
        lladdr: builder.mac,
      }),
    ),
  }),
};

function inFrame({ mac: from }: Seat, to: string, packet: Uint8Array): Uint8Array {
  return frames.ethernet({ from, to, type: 0x86dd }, packet);
}

describe.each(attackWaysOfBoth)('a build as the gateway, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let ends: Ends;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    for (const name of ['held', 'friend']) await comes(name);
    await speaksIPv6('held');
    await withBuilder(async () => {
      for (const name of Object.keys(claims)) expect(await isBelieved(name), name).toBe(true);
      expect(await reaches()).toEqual(['a neighbour', 'somewhere else', 'the builder itself']);
    });
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  const comes = (name: string) => site.host.docker('run', '-d', '--name', name, 'lab/app');

  /** The engine turns IPv6 off on an interface of a network that has none; a container's own kernel may have it on. */
  async function speaksIPv6(who: string): Promise<void> {
    const on = await site.host.inNetworkOf(who, ['/run/labtool', 'sysctl', 'net.ipv6.conf.eth0.disable_ipv6=0']);
    expect(on.code, on.stderr).toBe(0);
    await until(`${who} to have a link-local address`, async () => {
      const { stdout } = await site.host.inNetworkOf(who, ['ip', '-6', 'addr', 'show', 'dev', 'eth0']);
      return /fe80::/.test(stdout) && !stdout.includes('tentative') ? true : undefined;
    });
  }

  /** While somebody is there whom the rules do not know, since no daemon runs. */
  async function withBuilder(then: () => Promise<void>): Promise<void> {
    await comes('builder');
    try {
      ends = {
        builder: await seatOf(site, 'builder'),
        victim: await seatOf(site, 'held'),
        gateway: await gatewayOf(site, 'bridge'),
      };
      await believeAtOnce(site, 'held', 'eth0');
      await then();
    } finally {
      await site.host.docker('rm', '-f', 'builder');
    }
  }

  /** Whether the victim, which knows where the gateway is, believes who claims to be it. */
  async function isBelieved(claim: string): Promise<boolean> {
    const { address, frame } = (claims[claim] as (typeof claims)[string])(ends);
    await forgetNeighbours(site, 'held');
    const known = ['ip', 'neigh', 'replace', address, 'lladdr', ends.gateway.mac, 'dev', 'eth0', 'nud', 'stale'];
    expect((await site.host.inNetworkOf('held', known)).code).toBe(0);
    await site.host.sendFrames('builder', [frame], { count: 3, interval: 50_000 });
    const { stdout } = await site.host.inNetworkOf('held', ['ip', 'neigh', 'show', address, 'dev', 'eth0']);
    if (!/lladdr/.test(stdout)) throw new Error(`the victim has forgotten the gateway: ${stdout}`);
    return stdout.includes(ends.builder.mac);
  }

  /** What the builder receives of what the held one sends to its MAC. */
  async function reaches(): Promise<readonly string[]> {
    const { v4: src, mac: from } = ends.victim;
    const friend = await seatOf(site, 'friend');
    const at = { from, to: ends.builder.mac, src };
    return sendForgeries(site, 'held', [
      forgedUdp('a neighbour', { ...at, dst: friend.v4 }),
      forgedUdp('somewhere else', { ...at, dst: places.internet.v4 }),
      forgedUdp('the builder itself', { ...at, dst: ends.builder.v4 }),
    ]);
  }

  test.each(Object.keys(claims))('nobody believes who claims to be the gateway by %s', async (claim) => {
    await withBuilder(async () => {
      expect(await isBelieved(claim)).toBe(false);
      await expectAllowed(site, [
        { from: 'held', to: places.internet.v4, port: 80 },
        { from: 'builder', to: places.internet.v4, port: 80 },
      ]);
    });
  });

  test('what is allowed elsewhere does not go to a build, and what is allowed to it does', async () => {
    await withBuilder(async () => {
      await until('the builder to receive', async () => ((await reaches()).length > 0 ? true : undefined));
      expect(await reaches()).toEqual(['the builder itself']);
    });
  });
});
