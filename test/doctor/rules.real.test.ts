import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Firewalls } from '../../lab/firewalls.ts';
import type { Engine } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import { full } from '../campaign/campaign.ts';
import { addressOf } from '../packets/support.ts';
import { codes, doctor, finding, mend, soundHost } from './host.ts';

/** Whether a packet to the LAN arrives: what the rules of these tests are to stop. */
async function reachesLan(site: Site, from: string): Promise<boolean> {
  return (await site.host.probe(from, { to: places.private.v4, port: 22, timeout: 400 })).arrived;
}

const run = async (site: Site, ...lines: string[]) => {
  for (const line of lines) await site.host.must(['sh', '-ec', line]);
};

describe.each<Engine>(['20.10', '26.1'])('the rules of engine %s', (engine) => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ engine, routed: true, ip6tables: engine === '20.10' });
    await soundHost(site);
  });
  afterAll(() => site?.stop());

  test('unpublished ports are open to the LAN while FORWARD lets everything pass', async () => {
    const to = await addressOf(site, 'app/mongo');
    const one = finding(await doctor(site), 'unpublished-open');
    expect(one.seen.join('\n')).toContain('app_default');
    expect((await site.lanClient.probe({ to, port: 27017 })).arrived).toBe(true);
    await mend(site, one);
    expect((await site.lanClient.probe({ to, port: 27017, timeout: 400 })).arrived).toBe(false);
    expect(await codes(site)).toEqual([]);
    await expect(reachesInternet(site)).resolves.toBe(true);
  });

  test("the article's filter, when a network is made after it", async () => {
    await run(
      site,
      'iptables -N DOCKER-OUTBOUND-FILTER',
      'iptables -A DOCKER-OUTBOUND-FILTER -d 192.168.0.0/16 -j DROP',
      'iptables -A DOCKER-OUTBOUND-FILTER -j RETURN',
      'iptables -I FORWARD 1 -j DOCKER-OUTBOUND-FILTER',
    );
    await site.host.docker('run', '-d', '--name', 'early', 'lab/app');
    expect(await reachesLan(site, 'early')).toBe(false);
    expect(await codes(site)).toEqual([]);
    await site.host.docker('network', 'create', 'late');
    await site.host.docker('run', '-d', '--name', 'new', '--network', 'late', 'lab/app');
    const one = finding(await doctor(site), 'outranked-filter');
    expect(one.seen.join('\n')).toMatch(/lets out all that br-[0-9a-f]{12} \(late\) sends/);
    expect(one.seen.join('\n')).toContain('-d 192.168.0.0/16 -j DROP would stop some of it');
    expect(one.seen.join('\n')).not.toContain('docker0');
    expect([await reachesLan(site, 'early'), await reachesLan(site, 'new')]).toEqual([false, true]);
    await mend(site, one);
    expect([await reachesLan(site, 'early'), await reachesLan(site, 'new')]).toEqual([false, false]);
    expect(await codes(site)).toEqual([]);
    await run(site, 'iptables -D FORWARD -j DOCKER-OUTBOUND-FILTER');
    expect(await reachesLan(site, 'new')).toBe(true);
  });

  test('what is appended to DOCKER-USER', async () => {
    await run(site, 'iptables -A DOCKER-USER -d 192.168.0.0/16 -j DROP');
    const one = finding(await doctor(site), 'docker-user-dead');
    expect(await reachesLan(site, 'new')).toBe(true);
    await mend(site, one);
    expect(await reachesLan(site, 'new')).toBe(false);
    expect(await codes(site)).toEqual([]);
  });

  test('DOCKER-USER without its jump, and with one at the end', async () => {
    for (const broken of [[], ['iptables -A FORWARD -j DOCKER-USER']]) {
      await run(site, 'iptables -D FORWARD -j DOCKER-USER', ...broken);
      const one = finding(await doctor(site), 'docker-user-bypassed');
      expect(await reachesLan(site, 'new')).toBe(true);
      await mend(site, one);
      expect(await reachesLan(site, 'new')).toBe(false);
      expect(await codes(site)).toEqual([]);
    }
    await run(site, 'iptables -D DOCKER-USER 1');
  });

  test('rules on both sides of iptables', async () => {
    const docker = (await site.host.must(['iptables', '--version'])).includes('legacy') ? 'legacy' : 'nft';
    const other = docker === 'nft' ? 'legacy' : 'nft';
    await run(site, `iptables-${other} -A FORWARD -d 192.168.0.0/16 -j DROP`);
    const one = finding(await doctor(site), 'two-rule-engines');
    expect(one.seen.filter((line) => line.includes("Docker's"))).toEqual([
      expect.stringContaining(`iptables-${docker}`),
    ]);
    expect(await reachesLan(site, 'new')).toBe(false); // and Docker's own program shows nothing that would stop it
    await mend(site, one);
    await run(site, `iptables-${other} -D FORWARD -d 192.168.0.0/16 -j DROP`);
    expect(await reachesLan(site, 'new')).toBe(true);
    expect(await codes(site)).toEqual([]);
  });

  test('neighbours that Docker parts by rules which no frame passes', async () => {
    await site.host.docker('network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', 'apart');
    for (const name of ['left', 'right'])
      await site.host.docker('run', '-d', '--name', name, '--network', 'apart', 'lab/app');
    const to = await addressOf(site, 'right');
    const reaches = async () => (await site.host.probe('left', { to, port: 80, timeout: 400 })).arrived;
    expect(await codes(site)).toEqual([]);
    expect(await reaches()).toBe(false);
    await site.host.setBrNetfilter(false);
    const one = finding(await doctor(site), 'bridge-rules-idle');
    expect(await reaches()).toBe(true);
    await mend(site, one);
    expect(await reaches()).toBe(false);
    expect(await codes(site)).toEqual([]);
    await site.host.docker('rm', '-f', 'left', 'right');
    await site.host.docker('network', 'rm', 'apart');
  });

  test('neighbours that a rule for the way out parts, too, and rules that part them by addresses', async () => {
    await site.host.docker('network', 'create', '--subnet', '10.7.0.0/24', 'office');
    for (const name of ['left', 'right'])
      await site.host.docker('run', '-d', '--name', name, '--network', 'office', 'lab/app');
    const to = await addressOf(site, 'right');
    const reaches = async () => (await site.host.probe('left', { to, port: 80, timeout: 400 })).arrived;
    await site.host.setBrNetfilter(true);
    expect(await codes(site)).toEqual([]);
    expect(await reaches()).toBe(true);

    await run(site, 'iptables -I DOCKER-USER 1 -s 10.7.0.0/24 -d 10.0.0.0/8 -j DROP');
    const cut = finding(await doctor(site), 'bridge-rules-cut');
    expect(cut.seen.join('\n')).toMatch(/frames of br-[0-9a-f]{12} \(office\): left does not reach right/);
    expect(await reaches()).toBe(false);
    await mend(site, cut);
    expect(await reaches()).toBe(true);
    expect(await codes(site)).toEqual([]);

    const parting = [
      {
        add: 'iptables -R DOCKER-USER 1 -s 10.7.0.0/24 -d 10.7.0.0/24 -j DROP',
        seen: 'filter DOCKER-USER 1: -s 10.7.0.0/24 -d 10.7.0.0/24 -j DROP',
        remove: 'iptables -D DOCKER-USER 1',
      },
      {
        add: "nft 'add table inet own; add chain inet own forward { type filter hook forward priority 0; }; add rule inet own forward ip saddr 10.7.0.0/24 ip daddr 10.7.0.0/24 drop'",
        seen: 'inet own forward 1: ip saddr 10.7.0.0/24 ip daddr 10.7.0.0/24 drop',
        remove: 'nft delete table inet own',
      },
    ];
    for (const { add, seen, remove } of parting) {
      await run(site, add);
      expect(await codes(site)).toEqual([]);
      expect(await reaches()).toBe(false);
      await site.host.setBrNetfilter(false);
      const idle = finding(await doctor(site), 'bridge-rules-idle');
      expect(idle.seen).toContain(seen);
      expect(await reaches()).toBe(true);
      await mend(site, idle);
      expect(await reaches()).toBe(false);
      expect(await codes(site)).toEqual([]);
      await run(site, remove);
    }
    await site.host.docker('rm', '-f', 'left', 'right');
  });
});

async function reachesInternet(site: Site): Promise<boolean> {
  return (await site.host.probe('app/app', { to: places.internet.v4, port: 80 })).outcome === 'answered';
}

describe('rules of other settings', () => {
  test('IPv6 that the engine makes no rules for, on 26.1 as it comes', async () => {
    await using site = await openSite({ engine: '26.1', ip6tables: false });
    await site.host.must(['iptables', '-P', 'FORWARD', 'DROP']);
    await soundHost(site);
    expect(await codes(site)).toEqual([]);
    await site.host.docker('network', 'create', '--ipv6', '--subnet', 'fd00:172:31::/64', 'six');
    expect(await codes(site)).toEqual([]); // nobody is on it
    await site.host.docker('run', '-d', '--name', 'dual', '--network', 'six', 'lab/app');
    const one = finding(await doctor(site), 'ip6-unmanaged');
    expect(one.seen).toEqual([expect.stringMatching(/^six \(br-[0-9a-f]{12}\) has IPv6/)]);
  });

  test('an engine that says nftables and uses iptables', async () => {
    await using site = await openSite({ engine: '28.5', env: { DOCKER_FIREWALL_BACKEND: 'nftables' } });
    await soundHost(site);
    const one = finding(await doctor(site), 'backend-mismatch');
    expect(one.seen.join('\n')).toMatch(/^engine 28\.5\S* says nftables\niptables: DOCKER-FORWARD leads to/);
  });

  test("the article's filter on 28.5, when the engine starts again", async () => {
    await using site = await openSite({ engine: '28.5', liveRestore: true });
    await soundHost(site);
    await run(
      site,
      'iptables -N DOCKER-OUTBOUND-FILTER',
      'iptables -A DOCKER-OUTBOUND-FILTER -d 192.168.0.0/16 -j DROP',
      'iptables -I FORWARD 1 -j DOCKER-OUTBOUND-FILTER',
    );
    await site.host.docker('run', '-d', '--name', 'early', 'lab/app');
    expect(await reachesLan(site, 'early')).toBe(false);
    expect(await codes(site)).toEqual([]);
    await site.host.restartEngine();
    const one = finding(await doctor(site), 'outranked-filter');
    expect(one.seen.join('\n')).toMatch(/FORWARD \d: -j DOCKER-FORWARD lets out all that docker0 \(bridge\) sends/);
    expect(await reachesLan(site, 'early')).toBe(true);
    await mend(site, one);
    expect(await reachesLan(site, 'early')).toBe(false);
    expect(await codes(site)).toEqual([]);
  });

  // a sample does without: the root of the other firewalls alone takes minutes to make where nothing is cached
  test.each<Engine>(full ? ['28.5'] : [])(
    "Debian's firewalld takes the rules of others away by iptables, and by nftables it does not, on %s",
    async (engine) => {
      await using site = await openSite({ engine, liveRestore: true });
      const mine = 'iptables -I DOCKER-USER 1 -d 192.168.0.0/16 -j DROP';
      await using firewalls = await Firewalls.open(site.host.cell);
      await soundHost(site);
      await site.host.docker('run', '-d', '--name', 'free', '--dns', places.dns.v4, 'lab/app');
      const listed = await site.host.must(['ip', '-o', 'link', 'show', 'type', 'bridge']);
      const bridges = [...listed.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name]) => name as string);
      const start = async (backend: 'iptables' | 'nftables') => {
        firewalls.configureFirewalld(backend, bridges);
        await firewalls.startFirewalld();
      };
      await run(site, mine);
      expect(await codes(site)).toEqual([]);
      expect(await reachesLan(site, 'free')).toBe(false);

      await start('iptables');
      const one = finding(await doctor(site), 'firewalld-empties');
      expect(one.seen.join('\n')).toMatch(/^filter: \d+ chains, such as \w+$/m);
      expect(await reachesLan(site, 'free')).toBe(true); // the rule went with everybody's
      expect(await site.host.must(['iptables', '-S'])).not.toContain('DOCKER');

      // the lines that mend it, by hand: there is no systemd here
      expect(one.mend.lines.map(({ text }) => text)).toEqual([
        '/etc/firewalld/firewalld.conf: FirewallBackend=nftables',
        'systemctl restart firewalld docker',
      ]);
      await firewalls.stopFirewalld();
      await start('nftables');
      await site.host.restartEngine();
      await run(site, mine);
      await expect.poll(() => codes(site)).toEqual([]);
      expect(await reachesLan(site, 'free')).toBe(false);
      await firewalls.must(['firewall-cmd', '--reload']);
      expect(await reachesLan(site, 'free')).toBe(false);
      expect(await codes(site)).toEqual([]);
    },
  );
});
