import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import * as frames from '../../lab/frames.ts';
import { freshSport, freshToken } from '../../lab/probe.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { type Forgery, forgedUdp, gatewayOf, type Seat, seatOf, sendForgeries } from '../packets/forging.ts';
import { expectOnly } from '../packets/support.ts';
import { besiege, clear, composeFile, decree, image, outside, policy } from './compose-site.ts';
import { attackWays } from './ways.ts';

/** What a project takes from whom it is beside: the address of one who is gone, another one's programs, and a frame's MAC. */

describe.each(attackWays)('beside another project, on engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  beforeAll(async () => {
    ({ site } = await besiege(way));
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  const up = (project: string, services: object, networks: object = {}) =>
    site.host.compose(project, composeFile(services, networks), 'up', '-d');

  test('by the address of a published container that is gone, in whose conversations it talks on', async () => {
    const shared = { default: { name: 'shared', ipam: { config: [{ subnet: '172.40.0.0/16' }] } } };
    const left = { free: '172.40.0.8', evil: '172.40.0.9' };
    const at = (network: string, ipv4_address: string) => ({ image, networks: { [network]: { ipv4_address } } });
    const ports = (tcp: number, udp: number) => ({ ports: [`${tcp}:3000`, `${udp}:9200/udp`] });
    const web = { ...at('default', left.free), ...ports(3000, 9200) };
    await up('app', { web, other: { ...at('default', left.evil), ...ports(3001, 9201) } }, shared);
    const [free, evil] = [await converses(3000, 9200), await converses(3001, 9201)];
    for (const service of ['web', 'other'])
      await site.host.docker('rm', '-f', (await site.host.container(`app/${service}`)).id);
    for (const heir of ['free', 'evil'] as const)
      await up(heir, { x: at('shared', left[heir]) }, { shared: { external: true } });
    const gateway = await gatewayOf(site, 'shared');
    const goOn = async (heir: 'free' | 'evil', ends: Ends) => {
      const self = await seatOf(site, `${heir}/x`);
      expect(self.v4).toBe(left[heir]);
      return sendForgeries(site, `${heir}/x`, goesOn(self, gateway, ends));
    };
    await until('what may pass arrives', async () => ((await goOn('free', free)).length === 2 ? true : undefined));
    expect(await goOn('evil', evil)).toEqual([]);
  });

  /** A client's conversations with what is published, and its ports in them. */
  async function converses(tcp: number, udp: number): Promise<Ends> {
    const ends = { tcp: freshSport(), udp: freshSport() };
    const to = { to: site.host.v4, timeout: 3_000 };
    const said = await site.lanClient.probeMany([
      { ...to, port: tcp, sport: ends.tcp },
      { ...to, port: udp, sport: ends.udp, proto: 'udp' },
    ]);
    expect(said.map(({ outcome, at }) => [outcome, at.length])).toEqual([
      ['answered', 1],
      ['answered', 1],
    ]);
    return ends;
  }

  test('by the processes of another one: what that one runs is sent in its name, what oneself sends is not', async () => {
    const check = '/tmp/check';
    const healthcheck = { test: ['CMD', '/bin/sh', check], interval: '1s', timeout: '5s' };
    await up('app', { app: { image, healthcheck } });
    await up('evil', {
      x: { image, command: ['udp', '9999'], pid: `container:${(await site.host.container('app/app')).name}` },
    });
    const tokens = { internet: freshToken(), private: freshToken() };
    const lines = (['private', 'internet'] as const).map(
      (place) => `/labtool probe udp ${places[place].v4} 443 --token ${tokens[place]}`,
    );
    const written = await site.host.exec('evil/x', ['sh', '-c', `cat > /proc/1/root${check}`], {
      input: lines.join('\n'),
    });
    expect(written.code, written.stderr).toBe(0);
    await until('its program to be run', async () => ((await site.internet.saw(tokens.internet)) ? true : undefined));
    await expectOnly(
      site,
      outside('app/app').filter(({ to }) => to === places.internet.v4),
      outside('evil/x'),
    );
    expect(await site.arrivedAnywhere(tokens.private)).toBe(false);
  });

  test('by a frame to a neighbour’s MAC, to the broadcast address of another network of one’s own', async () => {
    const range = '45.77.0.0/16';
    await decree(site, policy.replace('evil: { allow: none,', `evil: { allow: ["${range}"],`));
    const own = (at: number) => ({ own: { ipam: { config: [{ subnet: `45.77.${at}.0/29` }] } } });
    const services = { x: { image }, y: { image, networks: ['default', 'own'] } };
    for (const [project, at] of [
      ['free', 1],
      ['evil', 2],
    ] as const)
      await up(project, services, own(at));
    const sent = async (project: string, at: number) => {
      const self = await seatOf(site, `${project}/x`);
      const peer = await seatOn(`${project}/y`, `${project}_default`);
      const gateway = await gatewayOf(site, `${project}_default`);
      const ends = { from: self.mac, src: self.v4 };
      return sendForgeries(site, `${project}/x`, [
        forgedUdp('to a neighbour', { ...ends, to: peer.mac, dst: `45.77.${at}.7` }),
        forgedUdp('what is allowed', { ...ends, to: gateway.mac, dst: '45.77.9.9' }),
      ]);
    };
    await until('what may pass arrives', async () => ((await sent('free', 1)).length === 2 ? true : undefined));
    await until('it is known', async () => ((await sent('evil', 2)).length > 0 ? true : undefined));
    expect(await sent('evil', 2)).toEqual(['what is allowed']);
    await decree(site, policy);
  });

  /** Where somebody stands on one of its networks. */
  async function seatOn(who: string, network: string): Promise<Seat> {
    const seat = (await site.host.container(who)).addresses.find((one) => one.network === network);
    if (seat === undefined) throw new Error(`${who} is not on ${network}`);
    return seat;
  }
});

/** The client's ports in its two conversations. */
interface Ends {
  readonly tcp: number;
  readonly udp: number;
}

/** What a published container would say next in its conversations with the client, by its ports there. */
function goesOn(self: Seat, gateway: Seat, client: Ends): readonly Forgery[] {
  const ends = { src: self.v4, dst: places.lanClient.v4 };
  const at = { from: self.mac, to: gateway.mac };
  const token = freshToken();
  const segment = frames.tcp({ ...ends, sport: 3000, dport: client.tcp, flags: 'PA', seq: 77, ack: 99 }, token);
  return [
    forgedUdp('a datagram', { ...at, ...ends, sport: 9200, dport: client.udp }),
    { name: 'a segment', token, frame: frames.ethernet({ ...at, type: 0x0800 }, segment) },
  ];
}
