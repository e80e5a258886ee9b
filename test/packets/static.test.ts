import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { forms, type RenderedFile } from '../../src/static/rendering.ts';
import { type Attempt, addressOf, expectAllowed, expectControl, expectDenied } from './support.ts';
import { shellOf, unitCommands } from './systemd-lines.ts';

/** The article's policy with the IPv6 twins of its servers, as files that work without Sluice, on real engines. */
const policy = `version: 1
groups:
  http-proxy: [${places.proxy.v4}, "[${places.proxy.v6}]"]
  resolver: ["${places.dns.v4}:53/udp", "[${places.dns.v6}]:53/udp"]
guardrails:
  deny: [cloud-metadata]
projects:
  app:
    mode: enforce
    allow:
      - same-project
      - http-proxy
      - resolver
      - internet
      - { to: ${places.private.v4}, ports: ["8443"], until: 2037-01-31, reason: "a permission that ends" }
`;

/** /etc/systemd/system/docker.service.d/override.conf as the article has it. */
const articles = `[Service]
ExecStartPost=/sbin/iptables -N DOCKER-OUTBOUND-FILTER
ExecStartPost=/sbin/iptables -A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 172.20.0.0/16 -j ACCEPT -m comment --comment "Accept packets between Docker containers"
ExecStartPost=/sbin/iptables -A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.1 -j ACCEPT -m comment --comment "Accept packets between Docker containers and HTTP Proxy Server"
ExecStartPost=/sbin/iptables -A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.100.2 -p udp --dport 53 -j ACCEPT -m comment --comment "Accept packets between Docker containers and DNS Server"
ExecStartPost=/sbin/iptables -A DOCKER-OUTBOUND-FILTER -s 172.20.0.0/16 -d 192.168.0.0/16 -j DROP -m comment --comment "Drop packets from Docker containers to Private Network Address"
ExecStartPost=/sbin/iptables -A DOCKER-OUTBOUND-FILTER -j RETURN
ExecStartPost=/sbin/iptables -I FORWARD 1 -j DOCKER-OUTBOUND-FILTER
`;

const families = ['v4', 'v6'] as const;
const from = 'app/app';
const project = article({ ipv6: true });

const allowed = families.flatMap((family): Attempt[] => [
  { from, to: places.proxy[family], port: 3128 },
  { from, to: places.dns[family], port: 53, proto: 'udp' },
  { from, to: places.internet[family], port: 80 },
  { from, to: places.internet[family], proto: 'icmp' },
]);

const denied = families.flatMap((family): Attempt[] => [
  { from, to: places.dns[family], port: 53 },
  { from, to: places.private[family], port: 22 },
  { from, to: places.private[family], port: 514, proto: 'udp' },
  { from, to: places.private[family], proto: 'icmp' },
  { from, to: places.ten[family], port: 443 },
  { from, to: places.metadata[family], port: 80 },
  { from, to: hostAddress[family], port: 22 },
  { from, to: hostAddress[family], port: 9999, proto: 'udp' },
]);

const gateway: readonly Attempt[] = ['172.20.0.1', 'fd00:172:20::1'].map((to) => ({ from, to, port: 22 }));
const ending: readonly Attempt[] = [{ from, to: places.private.v4, port: 8443 }];

/** Files whose permissions have ended. */
function ended(files: readonly RenderedFile[]): readonly RenderedFile[] {
  const past = files.map(({ name, text }) => ({
    name,
    text: text
      .replaceAll(/--datestop \S+/g, '--datestop 2020-01-31T23:59:59')
      .replaceAll(/meta time <= \d+/g, 'meta time <= 1580515199'),
  }));
  expect(past[0]?.text).not.toBe(files[0]?.text);
  return past;
}

describe.each(['26.1', '28.5'] as const)(
  "the article's policy without Sluice, engine %s",
  { timeout: 240_000 },
  (engine) => {
    let site: Site;
    let neighbours: readonly Attempt[];

    beforeAll(async () => {
      site = await openSite({ engine, brNetfilter: true, routed: true });
      site.host.write('/etc/sluice/policy.yaml', policy);
      await site.host.compose('app', project, 'up', '-d');
      await meet();
      await expectControl(site, [...allowed, ...denied, ...gateway, ...neighbours]);
    });
    afterAll(() => site?.stop());

    /** A test that fails leaves the next one a host without rules. */
    afterEach(async () => {
      for (const form of ['systemd-dropin', 'nft']) {
        const { name, text } = await reverse(form);
        await feed(name.endsWith('.nft') ? ['nft', '-f', '-'] : ['sh'], text);
      }
    });

    /** The project's containers may have new addresses. */
    async function meet(): Promise<void> {
      const mongo = [await addressOf(site, 'app/mongo', 4), await addressOf(site, 'app/mongo', 6)];
      neighbours = mongo.map((to) => ({ from, to, port: 27017 }));
    }

    async function render(form: string): Promise<readonly RenderedFile[]> {
      const done = await site.host.sluice('render', '--as', form, '--json');
      expect(done.code, done.stderr).toBe(0);
      return (JSON.parse(done.stdout) as { files: RenderedFile[] }).files;
    }

    async function reverse(form: string): Promise<RenderedFile> {
      const done = await site.host.sluice('render', '--as', form, '--reverse', '--json');
      expect(done.code, done.stderr).toBe(0);
      return (JSON.parse(done.stdout) as { files: [RenderedFile] }).files[0];
    }

    /** Runs a text with the program that it is for. */
    async function feed(command: readonly string[], text: string): Promise<void> {
      await site.host.must([...command], { input: text, timeout: 60_000 });
    }

    /** What stands, without counters. */
    async function standing(): Promise<string> {
      const saved = await Promise.all(
        ['iptables-save', 'ip6tables-save'].flatMap((save) =>
          ['filter', 'security', 'mangle'].map((table) => site.host.must([save, '-t', table])),
        ),
      );
      const tables = await site.host.must(['nft', 'list', 'tables']);
      const own = tables.includes('docker-outbound-filter')
        ? await site.host.must(['nft', 'list', 'table', 'inet', 'docker-outbound-filter'])
        : '';
      return [...saved, tables, own]
        .join('\n')
        .split('\n')
        .filter((line) => !line.startsWith('#'))
        .join('\n')
        .replaceAll(/\[\d+:\d+\]/g, '');
    }

    const before: Readonly<Record<string, (files: readonly RenderedFile[]) => Promise<void>>> = {
      'systemd-dropin': async ([dropin]) => feed(['sh'], shellOf(unitCommands(dropin?.text ?? '', 'ExecStartPre'))),
      'iptables-script': async ([script]) => feed(['sh'], script?.text ?? ''),
      'iptables-restore': async ([v4, v6]) => {
        await feed(['iptables-restore'], v4?.text ?? '');
        await feed(['ip6tables-restore'], v6?.text ?? '');
      },
      nft: async ([file]) => feed(['nft', '-f', '-'], file?.text ?? ''),
    };

    async function after(form: string, [dropin]: readonly RenderedFile[]): Promise<void> {
      if (form === 'systemd-dropin') await feed(['sh'], shellOf(unitCommands(dropin?.text ?? '', 'ExecStartPost')));
    }

    async function load(form: string, files: readonly RenderedFile[]): Promise<void> {
      await before[form]?.(files);
      await after(form, files);
    }

    async function expectPolicy(): Promise<void> {
      await site.host.must(['conntrack', '-F']);
      await expectAllowed(site, [...allowed, ...neighbours, ...ending]);
      await expectDenied(site, [...denied, ...gateway]);
      const probes = await site.lanClient.probeMany(
        families.map((family) => ({ to: hostAddress[family], port: 3000 })),
      );
      for (const probe of probes) {
        expect(probe.outcome, JSON.stringify(probe.spec)).toBe('answered');
        expect(probe.reply).toContain('peer');
      }
    }

    test('control: the chain of the article is passed by where Docker makes its rules anew', async () => {
      const literal: readonly Attempt[] = [{ from, to: places.private.v4, port: 22 }];
      await feed(['sh'], shellOf(unitCommands(articles, 'ExecStartPost')));
      await expectDenied(site, literal);
      if (engine === '26.1') await site.host.compose('app', project, 'down');
      else await site.host.restartEngine();
      await site.host.compose('app', project, 'up', '-d');
      await expectControl(site, literal);
      await feed(['sh'], (await reverse('systemd-dropin')).text);
      await meet();
    });

    test.each(forms)(
      '%s: holds the policy, twice is as once, nothing of Docker passes it by, and it can be taken away',
      async (form) => {
        const bare = await standing();
        const files = await render(form);
        await load(form, files);
        const once = await standing();
        expect(once).not.toBe(bare);
        await expectPolicy();

        await load(form, files);
        expect(await standing()).toBe(once);
        await expectPolicy();

        // what was allowed until a day is denied after it
        await load(form, ended(files));
        await expectDenied(site, ending);
        await load(form, files);

        // an accept above everything, as Docker's at the making of a network and more
        for (const command of ['iptables', 'ip6tables']) {
          await site.host.must([command, '-I', 'FORWARD', '1', '-j', 'ACCEPT']);
          await site.host.must([command, '-I', 'INPUT', '1', '-j', 'ACCEPT']);
        }
        await expectDenied(site, [...denied, ...gateway]);
        for (const command of ['iptables', 'ip6tables']) {
          await site.host.must([command, '-D', 'FORWARD', '-j', 'ACCEPT']);
          await site.host.must([command, '-D', 'INPUT', '-j', 'ACCEPT']);
        }

        await site.host.compose('app', project, 'down');
        await site.host.compose('app', project, 'up', '-d');
        await meet();
        await expectPolicy();

        await site.host.stopEngine();
        await before[form]?.(files);
        await site.host.startEngine();
        await site.host.compose('app', project, 'up', '-d');
        await meet();
        await expectDenied(site, [...denied, ...gateway]);
        await after(form, files);
        await expectPolicy();

        const { name, text } = await reverse(form);
        await feed(name.endsWith('.nft') ? ['nft', '-f', '-'] : ['sh'], text);
        expect(await standing()).not.toMatch(/docker-outbound/i);
        await site.host.must(['conntrack', '-F']);
        await expectControl(site, [...denied, ...gateway]);
      },
    );

    test('systemd-dropin: Sluice takes over where it stands, and takes all of it away with its own', async () => {
      await load('systemd-dropin', await render('systemd-dropin'));
      const stream = await site.host.stream(from, { proto: 'udp', to: places.private.v4, port: 5000, rate: 1000 });
      const done = await site.host.sluice('apply', '--backend', 'iptables-nft');
      expect(done.code, done.stderr).toBe(0);
      expect((await stream.stop()).sent).toBeGreaterThan(100);
      expect(await site.private.observer.count(stream.token)).toBe(0);
      await site.host.must(['conntrack', '-F']);
      await expectAllowed(site, [...allowed, ...neighbours, ...ending]);
      await expectDenied(site, [...denied, ...gateway]);
      expect((await site.host.sluice('down')).code).toBe(0);
      expect(await standing()).not.toMatch(/docker-outbound/i);
      await site.host.must(['conntrack', '-F']);
      await expectControl(site, [...denied, ...gateway]);
    });

    test('systemd-dropin: what streams while networks are made and the lines run again never arrives', async () => {
      const files = await render('systemd-dropin');
      await load('systemd-dropin', files);
      const stream = await site.host.stream(from, { proto: 'udp', to: places.private.v4, port: 5000, rate: 300 });
      for (const name of ['one', 'two', 'three']) {
        await site.host.docker('network', 'create', name);
        await site.host.docker('network', 'rm', name);
      }
      await load('systemd-dropin', files);
      const { sent } = await stream.stop();
      expect(sent).toBeGreaterThan(100);
      expect(await site.private.observer.count(stream.token)).toBe(0);
      await feed(['sh'], (await reverse('systemd-dropin')).text);
      const control = await site.host.stream(from, { proto: 'udp', to: places.private.v4, port: 5000, rate: 300 });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await control.stop();
      expect(await site.private.observer.count(control.token)).toBeGreaterThan(10);
    });
  },
);
