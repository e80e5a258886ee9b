import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { holdWith } from '../packets/backends.ts';
import { applyPolicy, arrivals, removePolicy } from '../packets/support.ts';
import { composeFile, image, outside } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/** Containers that are held and have what the LAN's router has, where the host's card is a port of a bridge. */

const policy = `version: 1
projects:
  evil: { allow: none }
`;

describe.each(attackWaysOfBoth)('the router of the LAN, engine $name', { timeout: 120_000 }, ({ engine, backend }) => {
  let site: Site;
  let router: { readonly address: string; readonly mac: string };

  beforeAll(async () => {
    site = holdWith(await openSite({ engine }), backend);
    // the lab's card is a veth, as no card is
    const script = `set -e
      address=$(ip -4 -o address show dev eth0 | awk '{print $4}'); route=$(ip -4 route show default | awk '{print $3}')
      ip link add br0 address $(cat /sys/class/net/eth0/address) type bridge
      ip link add lan0 link eth0 type macvlan mode passthru
      ip link set lan0 up master br0; ip link set br0 up
      ip address del $address dev eth0; ip address add $address dev br0; ip route replace default via $route dev br0`;
    await site.host.must(['sh', '-c', script]);
    await site.host.compose('free', composeFile({ x: { image, ports: ['3000:3000'] } }), 'up', '-d');
    expect(await speaks()).toEqual(['answered', 'answered']);
    const [route] = JSON.parse(await site.host.must(['ip', '-json', 'route', 'show', 'default'])) as {
      gateway: string;
    }[];
    const listed = await site.host.must(['ip', '-json', 'neighbour', 'show', 'dev', 'br0']);
    const entry = (JSON.parse(listed) as { dst: string; lladdr?: string }[]).find(({ dst }) => dst === route?.gateway);
    router = { address: route?.gateway ?? '', mac: entry?.lladdr ?? '' };
    expect(router.mac).toMatch(/^([0-9a-f]{2}:){5}/);
  });
  afterAll(() => site?.stop());

  /** What becomes of what the host sends to the internet, and the LAN to a port that the host publishes. */
  async function speaks(): Promise<readonly string[]> {
    await site.host.must(['ip', 'neighbour', 'flush', 'all']);
    const out = await site.host.probe('host', { to: places.internet.v4, port: 443, timeout: 3_000 });
    return [out.outcome, (await site.lanClient.probe({ to: site.host.v4, port: 3000, timeout: 3_000 })).outcome];
  }

  /** What stays true while `evil` is there and held. */
  async function expectNobodyCut(services: object, networks: object): Promise<void> {
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');
    expect(await speaks()).toEqual(['answered', 'answered']);
    await applyPolicy(site, policy);
    expect(await speaks()).toEqual(['answered', 'answered']);
    expect(await arrivals(site, outside('evil/x'))).toEqual([]);
    await removePolicy(site);
    await site.host.compose('evil', composeFile(services, networks), 'down', '-t', '0');
  }

  test('a container with its MAC does not cut the host off', async () => {
    await expectNobodyCut({ x: { image, mac_address: router.mac } }, {});
  });

  test('a container with the address of another LAN host does not cut the host off from it', async () => {
    const { v4 } = places.lanClient;
    const net = {
      driver_opts: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
      ipam: { config: [{ subnet: v4.replace(/\d+$/, '16/28'), gateway: v4.replace(/\d+$/, '30') }] },
    };
    await expectNobodyCut({ x: { image, networks: { n: { ipv4_address: v4 } } } }, { n: net });
  });

  test('a container with its address does not cut the host off', async () => {
    const options = { 'com.docker.network.bridge.inhibit_ipv4': 'true' };
    // no more of the LAN than the router: what comes from a held network's addresses elsewhere is dropped, see `unenrolled`
    const [subnet, gateway] = [router.address.replace(/\d+$/, '0/30'), router.address.replace(/\d+$/, '2')];
    const net = { driver_opts: options, ipam: { config: [{ subnet, gateway }] } };
    await expectNobodyCut({ x: { image, networks: { n: { ipv4_address: router.address } } } }, { n: net });
  });
});
