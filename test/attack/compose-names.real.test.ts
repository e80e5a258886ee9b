import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { forgedUdp, gatewayOf, seatOf, sendForgeries } from '../packets/forging.ts';
import { applyPolicy, removePolicy } from '../packets/support.ts';
import { clear, composeFile, image } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/**
 * A compose file gives a container an address that the host finds elsewhere: a LAN host's, or its own. The engine takes it, so it is
 * that container's to send from. What it says to a neighbour would make what the neighbour sends to the real one a reply.
 */
const policy = `version: 1
guardrails: { deny: [private, host] }
projects:
  evil: { allow: [same-project] }
`;
const client = places.lanClient;

describe.each(attackWaysOfBoth)('addresses that others have, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine }), way.backend);
  });
  afterEach(async () => {
    await removePolicy(site);
    await clear(site);
  });
  afterAll(() => site?.stop());

  /** Two containers on a network around `named`, one of which has it; whether the other one's datagram comes there. */
  async function reached(named: string, speak: boolean): Promise<readonly string[]> {
    const [gateway, namesake, self] = [
      await gatewayOf(site, 'evil_n'),
      await seatOf(site, 'evil/x'),
      await seatOf(site, 'evil/h'),
    ];
    expect(namesake.v4).toBe(named);
    const [port, other] = [freshSport(), 9_443];
    const said = forgedUdp('the neighbour', {
      from: namesake.mac,
      to: self.mac,
      src: named,
      dst: self.v4,
      sport: other,
      dport: port,
    });
    if (speak) await sendForgeries(site, 'evil/x', [said]);
    const answer = { from: self.mac, to: gateway.mac, src: self.v4, dst: named, sport: port, dport: other };
    return sendForgeries(site, 'evil/h', [forgedUdp(named, answer)]);
  }

  test.each([
    {
      whose: 'a host of the LAN',
      named: client.v4,
      subnet: '192.160.0.0/11',
      gateway: '192.160.0.1',
      own: '192.160.0.5',
    },
    { whose: 'the host', named: hostAddress.v4, subnet: '192.168.0.8/29', gateway: '192.168.0.9', own: '192.168.0.12' },
  ])('a neighbour with the address of $whose makes no replies to it', async ({ named, subnet, gateway, own }) => {
    const at = (address: string) => ({ image, networks: { n: { ipv4_address: address } } });
    const file = composeFile({ x: at(named), h: at(own) }, { n: { ipam: { config: [{ subnet, gateway }] } } });
    await site.host.compose('evil', file, 'up', '-d');
    expect(await reached(named, false)).toEqual([named]);
    await applyPolicy(site, policy);
    expect(await reached(named, false)).toEqual([]);
    expect(await reached(named, true)).toEqual([]);
  });

  test("a container with the host's own IPv6 address does not answer for the host", async () => {
    const net = {
      enable_ipv6: true,
      ipam: { config: [{ subnet: '172.27.0.0/24' }, { subnet: 'fd00:192:168::/123', gateway: 'fd00:192:168::1e' }] },
      ...(way.engine === '28.5'
        ? { driver_opts: { 'com.docker.network.bridge.gateway_mode_ipv6': 'nat-unprotected' } }
        : {}),
    };
    const services = { x: { image, networks: { n: { ipv6_address: hostAddress.v6 } } } };
    await site.host.compose('evil', composeFile(services, { n: net }), 'up', '-d');
    const answered = async () => {
      const [port, asked] = [freshSport(), 9_443];
      await site.lanClient.probe({ to: hostAddress.v6, port: asked, sport: port, proto: 'udp', timeout: 500 });
      const [gateway, self] = [await gatewayOf(site, 'evil_n'), await seatOf(site, 'evil/x')];
      const at = { from: self.mac, to: gateway.mac, src: hostAddress.v6, dst: client.v6, sport: asked, dport: port };
      return sendForgeries(site, 'evil/x', [forgedUdp('the client', at)]);
    };
    expect(await answered()).toEqual(['the client']);
    await applyPolicy(site, policy.replace('[same-project]', 'none'));
    expect(await answered()).toEqual([]);
  });
});
