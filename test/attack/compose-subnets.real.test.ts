import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { forgedUdp, gatewayOf, type Seat } from '../packets/forging.ts';
import { addressOf, arrivals, describeAttempt, expectOnly } from '../packets/support.ts';
import { type Besieged, besiege, clear, composeFile, decree, image, outside, policy } from './compose-site.ts';
import { attackWaysOfBoth } from './ways.ts';

/** What somebody gains, or takes from others, who chooses the subnets of a network. */

const on = (subnet: string) => ({ ipam: { config: [{ subnet }] } });
/** The bridge gets no address: the host goes on finding what is in the subnet where it did before. */
const elsewhere = (subnet: string) => ({
  ...on(subnet),
  driver_opts: { 'com.docker.network.bridge.inhibit_ipv4': 'true' },
});

describe.each(attackWaysOfBoth)('subnets of one’s own choosing, on engine $name', { timeout: 120_000 }, (way) => {
  let besieged: Besieged;
  let site: Site;
  beforeAll(async () => {
    besieged = await besiege(way);
    ({ site } = besieged);
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  test('a host elsewhere is no broadcast because it is the last address of a subnet', async () => {
    await decree(site, policy.replace('evil: { allow: none,', 'evil: { allow: [multicast],'));
    const aims = { z1: '45.90.10.11', z2: '10.9.9.11', z3: '192.168.5.7' };
    const networks = {
      default: on('172.25.0.0/24'),
      z1: elsewhere('45.90.10.8/30'),
      z2: elsewhere('10.9.9.8/30'),
      z3: elsewhere('192.168.5.4/30'),
    };
    const attached = { default: { priority: 1000 }, z1: {}, z2: {}, z3: {} };
    const services = { x: { image, networks: attached }, y: { image, networks: ['default'] } };
    await site.host.compose('free', composeFile({ x: { image } }), 'up', '-d');
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');

    const heard = async (from: string, network: string) => {
      const { mac: to, v4: gateway } = await gatewayOf(site, network);
      const seats = (await site.host.container(from)).addresses;
      const seat = seats.find(({ v4 }) => v4.replace(/\d+$/, '1') === gateway) as Seat;
      const made = Object.values(aims).map((dst) => forgedUdp(dst, { from: seat.mac, to, src: seat.v4, dst }));
      const sent = made.map(({ frame }) => frame);
      await site.host.sendFrames(from, sent, { iface: await interfaceOf(site, from, seat.mac) });
      const arrived = await Promise.all(made.map(({ token }) => site.arrivedAnywhere(token)));
      return made.flatMap(({ name }, at) => (arrived[at] ? name : []));
    };
    expect(await heard('free/x', 'free_default')).toEqual(Object.values(aims));
    expect(await heard('evil/x', 'evil_default')).toEqual([]);
    const everybody = { from: 'evil/x', to: '172.25.0.255', port: 9200, proto: 'udp', timeout: 400 } as const;
    expect(await arrivals(site, [everybody])).toEqual([describeAttempt(everybody)]);
    await decree(site, policy);
  });

  test('what others may reach is not a container’s because a network is made around it', async () => {
    await decree(site, policy.replace('same-project, internet', 'same-project, internet, private'));
    await site.host.compose('app', composeFile({ x: { image } }), 'up', '-d');
    const to = (target: string) => ({ from: 'app/x', to: target, port: 443, timeout: 400 });
    const far = [places.internet.v4, places.ten.v4, places.private.v4, places.lanClient.v4].map(to);
    await until('app is held', async () => (await arrivals(site, far)).length === far.length || undefined);
    const networks = {
      n4: elsewhere('45.0.0.0/8'),
      n10: elsewhere('10.0.0.0/12'),
      lan: on('192.160.0.0/11'),
    };
    const services = Object.fromEntries(Object.keys(networks).map((key) => [key, { image, networks: [key] }]));
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');
    const neighbours = await Promise.all(Object.keys(networks).map((key) => addressOf(site, `evil/${key}`)));
    await until('they are known', async () => (await arrivals(site, outside('evil/lan'))).length === 0 || undefined);
    await expectOnly(site, far, neighbours.map(to));
    await decree(site, policy);
  });
});

describe.each(attackWaysOfBoth)('a subnet around the LAN, on engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ engine: way.engine });
    await site.host.must(['sh', '-c', cardIntoBridge]);
    site.host.write('/etc/sluice/policy.yaml', policy);
  });
  afterAll(() => site?.stop());

  test('does not cut off the host where its card is in a bridge', async () => {
    const reached = async () => {
      const probes = [site.lanClient, site.far('internet')].flatMap((far) =>
        [3000, 3001].map((port) => far.probe({ to: site.host.v4, port, timeout: 2000 })),
      );
      return (await Promise.all(probes)).map(({ outcome }) => outcome);
    };
    await site.host.compose('free', composeFile({ x: { image, ports: ['3000:3000'] } }), 'up', '-d');
    const before = await reached();
    expect(before).not.toContain('timeout');
    const daemon = await site.host.daemon({ args: ['--backend', way.backend] });
    const around = { ipam: { config: [{ subnet: '192.168.0.0/16', gateway: '192.168.77.1' }] } };
    const networks = { default: around, far: elsewhere('45.0.0.0/8') };
    const services = { x: { image }, y: { image, networks: ['far'] } };
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');
    // its rules are there when it cannot leave
    await until('it is held', async () => ((await arrivals(site, outside('evil/x'))).length === 0 ? true : undefined));
    expect(await reached()).toEqual(before);
    await daemon.stop();
  });
});

/** As hosts with virtual machines have it: the card is a port, and its addresses and routes are the bridge's. */
const cardIntoBridge = `
  address=$(ip -4 -o addr show dev eth0 | awk '{ print $4 }')
  gateway=$(ip -4 route show default | awk '{ print $3 }')
  ip link add br0 type bridge && ip link set br0 up && ip link set eth0 master br0
  ip addr del $address dev eth0 && ip addr add $address dev br0
  [ -z "$gateway" ] || ip route add default via $gateway dev br0`;

/** The name inside of the interface with a MAC: where a container is on several networks, engines number them differently. */
async function interfaceOf(site: Site, container: string, mac: string): Promise<string> {
  const { stdout } = await site.host.inNetworkOf(container, ['ip', '-json', 'link']);
  const links = JSON.parse(stdout) as readonly { readonly ifname: string; readonly address?: string }[];
  const link = links.find(({ address }) => address === mac);
  if (link === undefined) throw new Error(`${container} has no interface with ${mac}`);
  return link.ifname;
}
