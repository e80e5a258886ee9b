import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { formatAddress } from '../../src/ip/address.ts';
import { linkLocalOf } from '../../src/ruleset/mac.ts';
import { addressOf, arrivals, describeAttempt, expectOnly } from '../packets/support.ts';
import { type Besieged, besiege, clear, composeFile, decree, image, outside, policy } from './compose-site.ts';
import { attackWays } from './ways.ts';

const bridgeName = 'com.docker.network.bridge.name';
const named = (name: string) => ({ driver_opts: { [bridgeName]: name } });

describe.each(attackWays)('out of a network of one’s own making, on engine $name', (way) => {
  let besieged: Besieged;
  let site: Site;
  beforeAll(async () => {
    besieged = await besiege(way);
    ({ site } = besieged);
  });
  afterAll(() => site?.stop());
  afterEach(() => clear(site));

  test('by a bridge with a name that no rule can carry', async () => {
    const odd = ['br;x', 'br"x', 'brü', "br'x", 'b+', 'br\\x'];
    const services = Object.fromEntries(odd.map((_, at) => [`s${at}`, { image, networks: [`n${at}`] }]));
    const networks = Object.fromEntries(odd.map((name, at) => [`n${at}`, named(name)]));
    // what cannot be told must not keep what can be from being held
    const more = { beside: { image, networks: ['n0'] }, plain: { image, networks: ['plain'] } };
    await site.host.compose('evil', composeFile({ ...services, ...more }, { ...networks, plain: {} }), 'up', '-d');
    await site.host.compose('free', composeFile({ x: { image } }, { default: named('br&f') }), 'up', '-d');
    const neighbour = { from: 'evil/s0', to: await addressOf(site, 'evil/beside'), port: 80, timeout: 400 };
    const denied = [...odd.flatMap((_, at) => outside(`evil/s${at}`)), ...outside('evil/plain'), neighbour];
    // with iptables the rules that name a bridge are made by programs, after it has appeared
    if (way.backend !== 'nftables')
      await until('they are cut off', async () => ((await arrivals(site, denied)).length === 0 ? true : undefined));
    await expectOnly(site, outside('free/x'), denied);
    const screen = await site.host.sluice('ps');
    expect(screen.stdout).toContain('has a name that no rule can carry');
  });

  test('by a bridge of the host with a port that is no container’s', async () => {
    for (const [bridge, net] of [
      ['hostbr0', '10.77.0'],
      ['hostbr1', '10.78.0'],
    ] as const)
      for (const command of [
        `link add ${bridge} type bridge`,
        `tuntap add ${bridge}p mode tap`,
        `link set ${bridge}p master ${bridge} up`,
        `addr add ${net}.1/24 dev ${bridge}`,
        `link set ${bridge} up`,
      ])
        await site.host.must(['ip', ...command.split(' ')]);
    const on = (bridge: string, net: string) => ({
      default: { ...named(bridge), ipam: { config: [{ subnet: `${net}.0/24`, gateway: `${net}.1` }] } },
    });
    await site.host.compose('free', composeFile({ x: { image } }, on('hostbr1', '10.78.0')), 'up', '-d');
    await site.host.compose('evil', composeFile({ x: { image } }, on('hostbr0', '10.77.0')), 'up', '-d');
    // the port is known when the container runs, not before
    await until('it is cut off', async () =>
      (await arrivals(site, outside('evil/x'))).length === 0 ? true : undefined,
    );
    await expectOnly(site, outside('free/x'), outside('evil/x'));
  });

  test('by a bridge named like one that is there', async () => {
    await site.host.compose('free', composeFile({ x: { image } }, { default: named('free0') }), 'up', '-d');
    const up = (bridge: string) =>
      site.host.compose('evil', composeFile({ x: { image } }, { default: named(bridge) }), 'up', '-d');
    const refused = {
      free0: 'networks have same bridge name',
      lo: 'existing interface lo is not a bridge',
      eth0: 'existing interface eth0 is not a bridge',
      ...(way.engine === '20.10' ? {} : { docker0: 'networks have same bridge name' }),
    };
    for (const [bridge, why] of Object.entries(refused)) await expect(up(bridge), bridge).rejects.toThrow(why);
    // that engine takes docker0 away from its own network, and the host's address there with it
    if (way.engine === '20.10') {
      await up('docker0');
      expect(await site.host.must(['ip', '-o', 'link', 'show', 'master', 'docker0'])).toContain('veth');
      await expectOnly(site, outside('free/x'), outside('evil/x'));
      await site.host.compose('evil', composeFile({ x: { image } }, { default: named('docker0') }), 'down', '-t', '0');
    }
    await up('evil0');
    await expectOnly(site, outside('free/x'), outside('evil/x'));
  });

  test('by driver options of every kind', async () => {
    const mode = (gateway: string) => ({
      driver_opts: {
        'com.docker.network.bridge.gateway_mode_ipv4': gateway,
        'com.docker.network.bridge.enable_icc': 'false',
        'com.docker.network.bridge.enable_ip_masquerade': 'true',
        'com.docker.network.bridge.trusted_host_interfaces': 'eth0',
      },
    });
    const six = (net: number) => ({
      enable_ipv6: true,
      ...(way.engine === '28.5' ? { enable_ipv4: false } : {}),
      ipam: { config: [{ subnet: `fd00:172:${net}::/64` }] },
    });
    const recent = way.engine === '28.5' ? { open: mode('nat-unprotected'), ipv6: six(50) } : { ipv6: six(50) };
    const networks = { ...recent, ...named0 };
    const services = Object.fromEntries(Object.keys(networks).map((key) => [key, { image, networks: [key] }]));
    await site.host.compose('evil', composeFile(services, networks), 'up', '-d');
    const open = {
      default: way.engine === '28.5' ? { ...mode('nat-unprotected'), enable_ipv6: true } : { enable_ipv6: true },
    };
    const ipam = { ipam: { config: [{ subnet: '172.61.0.0/16' }, { subnet: 'fd00:172:61::/64' }] } };
    await site.host.compose(
      'free',
      composeFile({ x: { image } }, { default: { ...open.default, ...ipam } }),
      'up',
      '-d',
    );
    const to6 = (from: string) => ({ from, to: places.private.v6, port: 443, timeout: 400 });
    const denied = [...Object.keys(services).flatMap((key) => outside(`evil/${key}`)), to6('evil/ipv6')];
    await expectOnly(site, [...outside('free/x'), to6('free/x')], denied);
  });

  test('by the MAC of another project’s container on a network that both are on', async () => {
    const subnets = [{ subnet: '172.40.0.0/16' }, { subnet: 'fd00:172:40::/64' }];
    const shared = { default: { name: 'shared', enable_ipv6: true, ipam: { config: subnets } } };
    await site.host.compose('app', composeFile({ db: { image }, peer: { image } }, shared), 'up', '-d');
    const [db] = (await site.host.container('app/db')).addresses;
    const linkLocal = linkLocalOf(db?.mac ?? '');
    if (db === undefined || linkLocal === undefined) throw new Error('app/db has no MAC');
    const to = (from: string, target: string) =>
      ({ from, to: target, port: 9200, proto: 'udp', timeout: 400 }) as const;
    const local = `${formatAddress(linkLocal)}%eth0`;
    await until('duplicate addresses are looked for', async () =>
      (await arrivals(site, [to('app/peer', local)])).length > 0 ? true : undefined,
    );
    const services = {
      a: { image, networks: ['shared'] },
      twin: { image, networks: ['shared'], mac_address: db.mac },
    };
    await decree(site, policy.replace('evil: { allow: none,', 'evil: { allow: [same-project],'));
    await site.host.compose('evil', composeFile(services, { shared: { external: true } }), 'up', '-d');
    const twin = await addressOf(site, 'evil/twin');
    await until('the twin is known', async () =>
      (await arrivals(site, [to('evil/a', twin)])).length > 0 ? true : undefined,
    );
    // the bridge sends frames to whichever of the two spoke last
    for (let round = 0; round < 3; round++) {
      await site.host.exec('app/db', ['ping', '-c', '1', '172.40.0.1']);
      const probes = await site.host.probeMany([to('evil/a', local)]);
      expect(probes.flatMap(({ at }) => at)).toEqual([]);
    }
    await expectOnly(site, [to('app/peer', db.v6), to('app/peer', db.v4)], [to('evil/a', db.v6), to('evil/a', db.v4)]);
    await decree(site, policy);
  });

  test('by the namespace of somebody who may', async () => {
    await site.host.compose('free', composeFile({ x: { image }, y: { image } }), 'up', '-d');
    await expectOnly(site, outside('free/x'), []);
    const { id } = await site.host.container('free/x');
    const shares = { image, command: ['udp', '9999'], network_mode: `container:${id}` };
    await site.host.compose('evil', composeFile({ x: shares }), 'up', '-d');
    await until('it is known', async () => ((await arrivals(site, outside('evil/x'))).length === 0 ? true : undefined));
    await expectOnly(site, outside('free/y'), outside('evil/x'));
  });

  test('by what looks like DHCP, which docker-proxy hears as a broadcast where its port is published', async () => {
    const published = { image, command: ['udp', '67'], ports: ['67:67/udp'] };
    await site.host.compose('free', composeFile({ x: { image } }), 'up', '-d');
    await site.host.compose('evil', composeFile({ x: { image }, constructor: published }), 'up', '-d');
    const gateway = (await addressOf(site, 'evil/x')).replace(/\d+$/, '1');
    const to = (from: string, where: string) =>
      ({ from, to: where, port: 67, sport: 68, proto: 'udp', timeout: 400 }) as const;
    const attempts = [to('free/x', '255.255.255.255'), to('evil/x', '255.255.255.255'), to('evil/x', gateway)];
    const heard = (await site.host.probeMany(attempts)).map(({ at }) => at.includes('evil-constructor-1'));
    // on 20.10 the broadcast reached no container by docker-proxy without Sluice either
    expect(heard).toEqual([way.engine !== '20.10', false, false]);
    await expectOnly(site, [], attempts.slice(1));
  });

  test('by what is sent to many, which the host and docker-proxy hear beside everybody else', async () => {
    const published = { image, command: ['udp', '53'], ports: ['5353:53/udp'] };
    await site.host.compose('free', composeFile({ x: { image }, dns: published }), 'up', '-d');
    await site.host.compose('far', composeFile({ x: { image } }), 'up', '-d');
    const broadcast = (await addressOf(site, 'far/x')).replace(/\.\d+\.\d+$/, '.255.255');
    const to = (where: string, port: number) =>
      ({ from: 'far/x', to: where, port, proto: 'udp', timeout: 400 }) as const;
    const many = ['255.255.255.255', broadcast, '224.0.0.1', 'ff02::1%eth0'];
    /** Where what is sent to a published port comes to its service. */
    const heard = async () => {
      const probes = await site.host.probeMany(many.map((where) => to(where, 5353)));
      return many.filter((_, at) => probes[at]?.at.includes('free-dns-1'));
    };
    const isHeard = async () => ((await heard()).includes('255.255.255.255') ? true : undefined);
    // on 20.10 a broadcast reaches no container by docker-proxy without Sluice either
    if (way.engine !== '20.10') await until('docker-proxy passes it on', isHeard);
    await decree(site, policy.replace('projects:', 'guardrails: { deny: ["project/free/dns"] }\nprojects:'));
    expect(await heard()).toEqual([]);
    await decree(site, policy.replace('projects:', 'guardrails: { deny: [host] }\nprojects:'));
    await expectOnly(site, outside('far/x'), [
      ...many.map((where) => to(where, 5353)),
      ...many.map((where) => to(where, 161)),
    ]);
    await decree(site, policy);
  });

  test('by names: of JavaScript’s own, too long to tell apart, like options', async () => {
    const long = 'e'.repeat(95);
    const names = ['__proto__x', 'toString', `${long}a`, `${long}b`, '-rf'];
    const services = Object.fromEntries([...names, 'constructor'].map((name) => [name, { image }]));
    await site.host.compose('evil', composeFile(services), 'up', '-d');
    const allowed = outside('evil/constructor').filter(({ to }) => to === places.internet.v4);
    const denied = [...outside('evil/constructor'), ...names.flatMap((name) => outside(`evil/${name}`))];
    const wanted = new Set(allowed.map(describeAttempt));
    await expectOnly(
      site,
      allowed,
      denied.filter((one) => !wanted.has(describeAttempt(one))),
    );
  });

  test('by saying nothing of whom nobody names, where those are denied', async () => {
    const labels = { 'sluice.allow': 'any' };
    await site.host.compose('free', composeFile({ x: { image }, y: { image, labels } }), 'up', '-d');
    await expectOnly(site, [...outside('free/x'), ...outside('free/y')], []);
    const denying = (labelled: string) =>
      `version: 1\ndefaults: { unmanaged: deny${labelled} }\nprojects: { app: { allow: none } }\n`;
    // who trusts labels is warned
    await decree(site, denying(''));
    const { stdout, stderr } = await site.host.sluice('check');
    expect(`${stdout}${stderr}`).toContain('SL2006');
    await expectOnly(site, outside('free/y'), outside('free/x'));
    await decree(site, denying(', labels: narrow'));
    await expectOnly(site, [], [...outside('free/x'), ...outside('free/y')]);
    await decree(site, policy);
  });

  test('to the host, by a subnet whose last address is one of the host’s', async () => {
    const own = '10.66.0.3';
    await site.host.must(['ip', 'addr', 'add', `${own}/24`, 'dev', 'eth0']);
    await decree(site, policy.replace('evil: { allow: none,', 'evil: { allow: any, deny: [host],'));
    const around = { ipam: { config: [{ subnet: '10.66.0.0/30', gateway: '10.66.0.1' }] } };
    const services = { on: { image, networks: ['around'] }, beside: { image } };
    await site.host.compose('free', composeFile({ x: { image } }), 'up', '-d');
    await site.host.compose('evil', composeFile(services, { around }), 'up', '-d');
    const to = (from: string) => ({ from, to: own, port: 9_999, proto: 'udp', timeout: 400 }) as const;
    await expectOnly(site, [to('free/x')], [to('evil/on'), to('evil/beside')]);
    await site.host.must(['ip', 'addr', 'del', `${own}/24`, 'dev', 'eth0']);
    await decree(site, policy);
  });

  // last: while it is there the host itself finds the private place on a bridge
  test('by a subnet that is another’s on the LAN', async () => {
    await site.host.compose('free', composeFile({ x: { image } }), 'up', '-d');
    await expectOnly(site, outside('free/x'), []);
    const taken = { ipam: { config: [{ subnet: '192.168.5.0/24', gateway: '192.168.5.9' }] } };
    const services = { x: { image, networks: ['taken'] } };
    await site.host.compose('evil', composeFile(services, { taken }), 'up', '-d');
    const internet = outside('free/x').filter(({ to }) => to === places.internet.v4);
    await expectOnly(site, internet, outside('evil/x'));
  });
});

/** A prefix of interfaces' names inside that is not `eth`, and an address to leave with that is somebody else's. */
const named0 = {
  renamed: {
    driver_opts: { 'com.docker.network.container_iface_prefix': 'lo', 'com.docker.network.host_ipv4': '192.168.5.77' },
  },
};
