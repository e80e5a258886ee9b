import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshSport } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { places } from '../../lab/world.ts';
import type { RenderedFile } from '../../src/static/rendering.ts';
import { type Attempt, addressOf, expectAllowed, expectControl, expectDenied, withoutDockersRules } from './support.ts';

/** What static rules can say of who sends, from a live engine and from a compose file, and replies that are none. */

/** mongo has addresses of its own; the network is one without NAT. */
const compose = `version: '3'
services:
  app: { image: lab/app, ports: ["5301:53/udp"] }
  mongo: { image: lab/app, networks: { default: { ipv4_address: 172.20.0.77, ipv6_address: "fd00:172:20::77" } } }
networks:
  default:
    enable_ipv6: true
    driver_opts:
      com.docker.network.bridge.gateway_mode_ipv4: routed
      com.docker.network.bridge.gateway_mode_ipv6: routed
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
`;

const policy = `version: 1
compose: [/srv/app/docker-compose.yml]
projects:
  app:
    allow: [${places.proxy.v4}, "[${places.proxy.v6}]"]
    services:
      mongo: { allow: none }
`;

const families = ['v4', 'v6'] as const;
const toProxy = (from: string) => families.map((family): Attempt => ({ from, to: places.proxy[family], port: 3128 }));

describe('static rules and who sends, engine 28.5', { timeout: 120_000 }, () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite({ engine: '28.5', brNetfilter: true, routed: true });
    site.host.write('/etc/sluice/policy.yaml', policy);
    await site.host.compose('app', compose, 'up', '-d');
    await expectControl(site, [...toProxy('app/app'), ...toProxy('app/mongo')]);
  });
  afterAll(() => site?.stop());

  async function render(
    form: string,
    ...more: string[]
  ): Promise<{ readonly file: RenderedFile; readonly said: string }> {
    const done = await site.host.sluice('render', '--as', form, '--json', ...more);
    expect(done.code, done.stderr).toBe(0);
    const { files } = JSON.parse(done.stdout) as { files: [RenderedFile] };
    return { file: files[0], said: done.stderr };
  }

  const feed = (command: readonly string[], input: string) => site.host.must([...command], { input });

  const saved = async (variant: string) =>
    (
      await Promise.all(
        [`${variant}-save`, `${variant.replace('ip', 'ip6')}-save`].map((save) => site.host.must([save])),
      )
    ).join('');

  test.each(['iptables', 'iptables-legacy'])(
    'a service at a fixed address is judged by its own block, its neighbours by theirs (%s)',
    async (variant) => {
      const named = (text: string) =>
        variant === 'iptables'
          ? text
          : text
              .replaceAll(/^(\s*)(?!#)(.*)\b(ip6?tables)\b/gm, '$1$2$3-legacy')
              .replaceAll('in iptables ip6tables-legacy', 'in iptables-legacy ip6tables-legacy');
      const { file, said } = await render('iptables-script');
      expect(said).not.toContain('blocks that differ');
      await feed(['sh'], named(file.text));
      expect(await saved(variant)).toContain('-A DOCKER-OUTBOUND-HOST -s 172.20.0.77/32');
      await expectAllowed(site, toProxy('app/app'));
      await expectDenied(site, toProxy('app/mongo'));
      const reverse = await render('iptables-script', '--reverse');
      await feed(['sh'], named(reverse.file.text));
      expect(await saved(variant)).not.toContain('OUTBOUND');
      await expectControl(site, toProxy('app/mongo'));
    },
  );

  test.each([
    { form: 'nft', command: ['nft', '-f', '-'], opened: /^.*udp dport 53 accept$/gm },
    { form: 'iptables-script', command: ['sh'], opened: /^.*-p udp --dport 53 -j RETURN$/gm },
  ])(
    '$form: a UDP port that is published without NAT answers, and does not without the rule for that',
    async ({ form, command, opened }) => {
      const { file } = await render(form);
      const visit = async () => {
        await site.host.must(['conntrack', '-F']);
        const to = await addressOf(site, 'app/app');
        return (await site.lanClient.probe({ to, port: 53, proto: 'udp' })).outcome;
      };
      await feed(command, file.text);
      expect(await visit()).toBe('answered');
      await feed(command, file.text.replaceAll(opened, ''));
      expect(await visit()).toBe('timeout');
      await feed(command, (await render(form, '--reverse')).file.text);
      expect(await visit()).toBe('answered');
    },
  );

  test('a project that is down is rendered from its compose file', async () => {
    await site.host.compose('app', compose, 'down');
    const { file } = await render('nft');
    await feed(['nft', '-f', '-'], file.text);
    await site.host.compose('app', compose, 'up', '-d');
    await expectAllowed(site, toProxy('app/app'));
    await expectDenied(site, toProxy('app/mongo'));
    await feed(['nft', '-f', '-'], (await render('nft', '--reverse')).file.text);
    await expectControl(site, toProxy('app/mongo'));
  });

  test('the reverse does not touch Sluice, which has taken the place of the rules', async () => {
    await feed(['sh'], (await render('iptables-script')).file.text);
    const applied = await site.host.sluice('apply', '--backend', 'iptables-nft');
    expect(applied.code, applied.stderr).toBe(0);
    await feed(['sh'], (await render('iptables-script', '--reverse')).file.text);
    await expectAllowed(site, toProxy('app/app'));
    await expectDenied(site, toProxy('app/mongo'));
    expect((await site.host.run(['sh'], { input: (await render('iptables-script')).file.text })).code).toBe(1);
    await expectDenied(site, toProxy('app/mongo'));
    expect((await site.host.sluice('down')).code).toBe(0);
    await expectControl(site, toProxy('app/mongo'));
  });

  test.each([
    { form: 'nft', port: 6100, command: ['nft', '-f', '-'], pickUp: /^.*ct mark set.*$/gm },
    { form: 'iptables-script', port: 6101, command: ['sh'], pickUp: /^.*-j CONNMARK.*$/gm },
  ])(
    '$form: a denied conversation does not come back as an answer, and does without the rule for that',
    async ({ form, port, command, pickUp }) => {
      await site.internet.serve(['udp', String(port), '--push', '50']);
      const talk = () =>
        Promise.all(
          families.map((family) =>
            site.host.stream('app/app', {
              proto: 'udp',
              to: places.internet[family],
              port,
              rate: 50,
              sport: freshSport(),
              outside: true,
            }),
          ),
        );
      const { file } = await render(form);
      const streams = await talk();
      const arriving = async (): Promise<readonly boolean[]> => {
        await sleep(200);
        const before = await Promise.all(streams.map(({ token }) => site.internet.observer.count(token)));
        await sleep(600);
        const after = await Promise.all(streams.map(({ token }) => site.internet.observer.count(token)));
        return after.map((count, at) => count > (before[at] as number));
      };
      expect(await arriving()).toEqual([true, true]);
      await withoutDockersRules(site, async () => {
        const load = (text: string) => feed(command, text);
        await load(file.text.replaceAll(pickUp, ''));
        expect(await arriving()).toEqual([false, false]);
        await site.host.must(['conntrack', '-F']);
        await sleep(400);
        expect(await arriving(), 'without the rule').toEqual([true, true]);
        await load(file.text);
        await site.host.must(['conntrack', '-F']);
        await sleep(400);
        expect(await arriving(), 'with the rule').toEqual([false, false]);
      });
      for (const stream of streams) await stream.stop();
      await feed(command, (await render(form, '--reverse')).file.text);
    },
  );
});
