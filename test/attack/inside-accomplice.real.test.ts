import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { gatewayOf, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy, removePolicy } from '../packets/support.ts';
import { icmpError } from './icmp-errors.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * A container on a network that nobody enrolled begins a conversation in the name of a host, with one that may reach nobody
 * and wants to speak with that host at the same time: the answer to the one who was named would be a reply (RFC 9293 3.5).
 * What is denied is dropped here: after a reset it would have to ask again. With Docker's own rules for IPv6 off, which is their default up to engine 26, nothing else stands between the two.
 */
const policy = `version: 1
defaults: { unknown-bridge: allow, denied: drop }
projects:
  app: { allow: none }
`;

describe.each(attackWaysOfBoth)('an accomplice, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let held: Seat;
  let accomplice: Seat;
  let second: Seat;
  let gateway: Seat;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true, dockerd: ['--ip6tables=false'] }), backend);
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const subnets = ['--subnet', '172.29.0.0/16', '--ipv6', '--subnet', 'fd00:172:29::/64'];
    await site.host.docker('network', 'create', ...subnets, 'others');
    for (const name of ['accomplice', 'second'])
      await site.host.docker('run', '-d', '--name', name, '--network', 'others', 'lab/app');
    [held, accomplice] = [await seatOf(site, 'app/app'), await seatOf(site, 'accomplice')];
    second = await seatOf(site, 'second');
    gateway = await gatewayOf(site, 'others');
    await until('both networks speak', async () => ((await openly()).outcome === 'answered' ? true : undefined));
  });
  afterAll(() => site?.stop());

  /** In its own name to the held one. */
  const openly = () => site.host.probe('accomplice', { to: held.v6, proto: 'tcp', port: 3000 });

  /**
   * Which of the hosts something of the held one came to, while the accomplice spoke in their names.
   *
   * @param by whose MAC what the accomplice sends is for
   */
  async function reached(by: Seat): Promise<readonly string[]> {
    const attempts = (['private', 'internet'] as const).flatMap((name) =>
      [9_999, 443].map((port) => ({ name, to: places[name].v6, port, sport: freshSport() })),
    );
    const asking = site.host.probeMany(
      attempts.map(({ to, port, sport }) => ({ from: 'app/app', proto: 'tcp', to, port, sport, timeout: 3_000 })),
    );
    const lies = attempts.map(({ to, port, sport }) =>
      frames.ethernet(
        { from: accomplice.mac, to: by.mac, type: 0x86dd },
        frames.tcp({ src: to, dst: held.v6, sport: port, dport: sport, flags: 'S' }),
      ),
    );
    // whenever the held one has its socket
    for (let round = 0; round < 8; round++) {
      await sleep(150);
      await site.host.sendFrames('accomplice', lies);
    }
    const probes = await asking;
    return attempts.flatMap(({ name, port }, at) => (probes[at]?.arrived === true ? [`${name} ${port}`] : []));
  }

  /** Which of the hosts an error of the held one came to, about what the accomplice had sent in their names. */
  async function told(): Promise<readonly string[]> {
    const own = await gatewayOf(site, 'app_default');
    const lies = (['private', 'internet'] as const).map((name) => {
      const packet = { src: places[name].v6, dst: held.v6, sport: 443, dport: freshSport() };
      return { name, to: places[name].v6, packet: frames.udp(packet, ' '.repeat(40)) };
    });
    await site.host.sendFrames(
      'accomplice',
      lies.map(({ packet }) => frames.ethernet({ from: accomplice.mac, to: gateway.mac, type: 0x86dd }, packet)),
    );
    const errors = lies.map(({ name, to, packet }) =>
      icmpError(name, { from: held.mac, to: own.mac, src: held.v6, dst: to }, packet),
    );
    return (await sendForgeries(site, 'app/app', errors)).toSorted();
  }

  test('without Sluice it reaches all of them', async () => {
    expect(await reached(gateway)).toHaveLength(4);
    expect(await reached(second)).toHaveLength(4);
    expect(await told()).toEqual(['internet', 'private']);
  });

  test('a container that may reach nobody reaches nobody with its help', async () => {
    await applyPolicy(site, policy);
    expect(await reached(gateway)).toEqual([]);
    expect(await told()).toEqual([]);
  });

  test("nor with the help of two, of whom one speaks in another's name to the other", async () => {
    expect(await reached(second)).toEqual([]);
  });

  test('in its own name it is still answered', async () => {
    expect((await openly()).outcome).toBe('answered');
    for (const [family, to] of [
      ['ipv4', second.v4],
      ['ipv6', second.v6],
    ] as const) {
      expect((await site.host.probe('accomplice', { to, proto: 'tcp', port: 3000 })).outcome).toBe('answered');
      const entries = await site.host.must(['conntrack', '-L', '-f', family, '-p', 'tcp', '--orig-dst', to]);
      expect(entries).toMatch(/ mark=/);
      expect(entries).not.toMatch(/ mark=[^0]/);
    }
    await removePolicy(site);
  });
});
