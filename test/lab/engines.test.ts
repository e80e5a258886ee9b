import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { checkEngine, engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { type PlaceName, places } from '../../lab/world.ts';

test('a root with another engine than named is an error', () => {
  expect(() => checkEngine('26.1', 'Docker version 26.1.5+dfsg1, build a72d7cd')).not.toThrow();
  expect(() => checkEngine('26.1', 'Docker version 28.5.2+dfsg4, build 1')).toThrow(/holds another one/);
  expect(() => checkEngine('26.1', '')).toThrow(/holds another one/);
});

describe.each(engines)('engine %s', { timeout: 60_000 }, (engine) => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ engine, routed: true });
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
  }, 300_000);
  afterAll(() => site?.stop());

  test('the engine that runs is the one named', async () => {
    expect(await site.host.docker('version', '--format', '{{.Server.Version}}')).toMatch(new RegExp(`^${engine}\\.`));
  });

  test("Compose has started the article's three services with addresses of both families", async () => {
    const containers = await site.host.containers();
    expect(containers.map(({ service }) => service).sort()).toEqual(['app', 'elasticsearch', 'mongo']);
    for (const { addresses } of containers) {
      expect(addresses).toHaveLength(1);
      expect(addresses[0]?.v4).toMatch(/^172\.20\./);
      expect(addresses[0]?.v6).toMatch(/^fd00:172:20:/);
    }
  });

  test('tcp, udp and echo probes arrive at every far host and are answered, IPv4 and IPv6', async () => {
    const far = (Object.keys(places) as PlaceName[]).flatMap((name) =>
      [places[name].v4, places[name].v6].map((to) => ({ name, to })),
    );
    const specs = far.flatMap(({ name, to }) =>
      [{ port: 80 }, { proto: 'udp' as const, port: 9999 }, { proto: 'icmp' as const }].map((spec) => ({
        name,
        to,
        ...spec,
      })),
    );
    const probes = await site.host.probeMany(specs.map((spec) => ({ from: 'app/app', ...spec })));
    probes.forEach((probe, index) => {
      const what = JSON.stringify(specs[index]);
      expect(probe.outcome, what).toBe('answered');
      expect(probe.at, what).toEqual([specs[index]?.name]);
    });
  });

  test('bare protocols arrive', async () => {
    const targets = [132, 47, 50].flatMap((proto) =>
      [places.private.v4, places.private.v6].map((to) => ({ proto, to, port: 9 })),
    );
    for (const probe of await site.host.probeMany(targets.map((spec) => ({ from: 'app/app', ...spec }))))
      expect(probe.at, JSON.stringify(probe.spec)).toEqual(['private']);
  });

  test('the proxy, the DNS server and the web servers are real', async () => {
    const [proxy, udp, tcp, web] = await site.host.probeMany([
      { from: 'app/app', to: site.proxy.v4, port: 3128 },
      { from: 'app/app', to: site.dns.v4, port: 53, proto: 'udp' },
      { from: 'app/app', to: site.dns.v4, port: 53 },
      { from: 'app/app', to: site.internet.v4, port: 80 },
    ]);
    expect(proxy?.reply).toMatch(/^HTTP\/1/);
    expect(udp?.reply).toContain('probe');
    expect(tcp?.reply).toContain('probe');
    expect(web?.reply).toBe('HTTP/1.1 200 OK');
  });

  test('any other address of the world has somebody who sees what arrives', async () => {
    const targets: Record<string, PlaceName> = {
      '8.8.8.8': 'internet',
      '2001:4860:4860::8888': 'internet',
      '10.200.3.4': 'ten',
      'fd12:3456::7': 'ten',
      '100.64.9.9': 'ten',
      '192.168.5.77': 'private',
      '169.254.7.7': 'metadata',
    };
    const probes = await site.host.probeMany(Object.keys(targets).map((to) => ({ from: 'app/app', to, port: 443 })));
    for (const { spec, at, outcome } of probes)
      expect([spec.to, at, outcome]).toEqual([spec.to, [targets[spec.to]], 'answered']);
  });

  test('the published port answers the LAN client, seen by the container', async () => {
    for (const to of [site.host.v4, site.host.v6]) {
      const probe = await site.lanClient.probe({ to, port: 3000 });
      expect([to, probe.outcome]).toEqual([to, 'answered']);
      expect(probe.at).toContain((await site.host.container('app/app')).name);
    }
  });

  test('probes to the host are seen behind its input hooks, and not when a rule there drops them', async () => {
    const targets = [site.host.v4, site.host.v6, '172.20.0.1'].map((to) => ({ from: 'app/app', to, port: 2222 }));
    for (const { spec, at, outcome } of await site.host.probeMany(targets))
      expect([spec.to, outcome, at]).toEqual([spec.to, 'refused', ['host']]);
    await site.host.nft('table inet t { chain c { type filter hook input priority 0; tcp dport 2222 drop; }; }');
    for (const { spec, arrived, outcome } of await site.host.probeMany(targets))
      expect([spec.to, outcome, arrived]).toEqual([spec.to, 'timeout', false]);
    await site.host.nft('delete table inet t');
  });

  test('what the host rejects does not arrive, and the sender learns how it was refused', async () => {
    await site.host.nft(`table inet t { chain c { type filter hook forward priority -10;
      ip daddr 192.168.5.5 meta l4proto tcp reject with tcp reset
      ip daddr 192.168.5.5 reject with icmpx admin-prohibited
      ip6 daddr fd00:192:168::5:5 drop; }; }`);
    const [tcp, udp, v6] = await site.host.probeMany([
      { from: 'app/app', to: site.private.v4, port: 22 },
      { from: 'app/app', to: site.private.v4, port: 514, proto: 'udp' },
      { from: 'app/app', to: site.private.v6, port: 22, timeout: 300 },
    ]);
    expect([tcp?.outcome, tcp?.arrived]).toEqual(['refused', false]);
    expect([udp?.outcome, udp?.type, udp?.code, udp?.arrived]).toEqual(['unreachable', 3, 13, false]);
    expect([v6?.outcome, v6?.arrived]).toEqual(['timeout', false]);
    await site.host.nft('delete table inet t');
  });

  test('neighbours on one bridge reach each other, and br_netfilter decides whether the IP hooks see it', async () => {
    const mongo = (await site.host.container('app/mongo')).addresses[0];
    const probes = () =>
      site.host.probeMany(
        [mongo?.v4, mongo?.v6].map((to) => ({ from: 'app/app', to: to ?? '', port: 27017, timeout: 300 })),
      );
    const name = (await site.host.container('app/mongo')).name;
    for (const { outcome, at } of await probes()) expect([outcome, at]).toEqual(['answered', [name]]);
    await site.host.nft('table inet t { chain c { type filter hook forward priority -10; tcp dport 27017 drop; }; }');
    await site.host.setBrNetfilter(true);
    for (const { outcome, at } of await probes()) expect([outcome, at]).toEqual(['timeout', []]);
    await site.host.setBrNetfilter(false);
    for (const { outcome, at } of await probes()) expect([outcome, at]).toEqual(['answered', [name]]);
    await site.host.nft('delete table inet t');
    await site.host.setBrNetfilter(true);
  });

  test('IPv6 without masquerade is answered over the routes back, with the container as the peer', async () => {
    const routed6 = engine === '28.5'; // older engines have no such mode, and no rule against direct routing either
    await site.host.compose('other', article({ ipv6: true, routed6, net: 21, publish: null }), 'up', '-d');
    if (!routed6) await site.host.must(['ip6tables', '-t', 'nat', '-F', 'POSTROUTING']);
    const own = (await site.host.container('other/app')).addresses[0]?.v6;
    const probe = await site.host.probe('other/app', { to: site.internet.v6, port: 4444 });
    expect([probe.outcome, probe.at]).toEqual(['answered', ['internet']]);
    expect(probe.reply).toContain(`peer ${own} `);
    await site.host.compose('other', article({ ipv6: true, routed6, net: 21, publish: null }), 'down', '-t', '0');
  });

  test('a container on the host network is matched by its cgroup', async () => {
    await site.host.docker('run', '-d', '--name', 'onhost', '--network', 'host', 'lab/app', 'tcp', '7777');
    const { id } = await site.host.container('onhost');
    await site.host.nft(`table inet t { chain c { type filter hook output priority 0;
      tcp dport 5555 socket cgroupv2 level 2 "docker/${id}" drop; }; }`);
    const to = site.internet.v4;
    const denied = await site.host.probe('onhost', { to, port: 5555, timeout: 300 });
    const allowed = await site.host.probe('host', { to, port: 5555 });
    expect([denied.arrived, allowed.arrived]).toEqual([false, true]);
    await site.host.nft('delete table inet t');
    await site.host.docker('rm', '-f', 'onhost');
  });

  test('with live-restore containers outlive a killed engine, and probes and streams from outside go on', async () => {
    await using other = await openSite({ engine, liveRestore: true });
    await other.host.compose('app', article(), 'up', '-d');
    await other.host.containers();
    const spec = { to: other.private.v4, port: 9000 };
    const stream = await other.host.stream('app/app', { ...spec, proto: 'udp', rate: 100, outside: true });
    await other.host.killEngine();
    const away = await other.host.probe('app/app', { ...spec, outside: true });
    expect([away.outcome, away.at]).toEqual(['answered', ['private']]);
    await other.host.startEngine();
    const back = await other.host.probe('app/app', spec);
    expect([back.outcome, back.at]).toEqual(['answered', ['private']]);
    const { sent, answered } = await stream.stop();
    expect(sent).toBeGreaterThan(20);
    expect(answered).toBe(sent);
  });

  test('the engine can be killed and started again', async () => {
    await site.host.killEngine();
    await expect(site.host.api('/_ping')).rejects.toThrow();
    await site.host.startEngine();
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    expect((await site.host.probe('app/app', { to: site.private.v4, port: 22 })).arrived).toBe(true);
  });
});
