import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../lab/article.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, waysOf } from './backends.ts';
import { ourRules } from './kernel.ts';
import {
  type Attempt,
  addressOf,
  applyPolicy,
  expectAllowed,
  expectControl,
  expectDenied,
  withoutDockersRules,
} from './support.ts';

/** The article's policy, with the IPv6 twins of its servers. */
const policy = `version: 1
groups:
  http-proxy: [${places.proxy.v4}, "[${places.proxy.v6}]"]
  resolver: ["${places.dns.v4}:53/udp", "[${places.dns.v6}]:53/udp"]
guardrails:
  deny: [cloud-metadata]
projects:
  app:
    mode: enforce
    allow: [same-project, http-proxy, resolver, internet]
`;

const families = ['v4', 'v6'] as const;
const from = 'app/app';

function allowedOutside(): readonly Attempt[] {
  return families.flatMap((family): Attempt[] => [
    { from, to: places.proxy[family], port: 3128 },
    { from, to: places.dns[family], port: 53, proto: 'udp' },
    { from, to: places.internet[family], port: 80 },
    { from, to: places.internet[family], port: 443, proto: 'udp' },
    { from, to: places.internet[family], proto: 'icmp' },
  ]);
}

function deniedOutside(): readonly Attempt[] {
  return families.flatMap((family): Attempt[] => [
    { from, to: places.dns[family], port: 53 },
    { from, to: places.dns[family], port: 5353, proto: 'udp' },
    { from, to: places.private[family], port: 22 },
    { from, to: places.private[family], port: 514, proto: 'udp' },
    { from, to: places.private[family], proto: 'icmp' },
    { from, to: places.private[family], proto: 132, port: 9 },
    { from, to: places.private[family], proto: 47 },
    { from, to: places.private[family], proto: 253 },
    { from, to: places.ten[family], port: 443 },
    { from, to: places.metadata[family], port: 80 },
    { from, to: hostAddress[family], port: 22 },
    { from, to: hostAddress[family], port: 9999, proto: 'udp' },
    { from, to: hostAddress[family], proto: 'icmp' },
  ]);
}

const ways = waysOf({ '20.10': 'iptables-legacy' }).flatMap((way) =>
  (way.backend === 'nftables' ? [true, false] : [way.engine !== '28.5']).map((brNetfilter) => ({
    ...way,
    brNetfilter,
  })),
);

describe.each(ways)(
  "the article's project on engine $name, bridge-nf-call-* $brNetfilter",
  { timeout: 120_000 },
  ({ engine, brNetfilter, backend }) => {
    let site: Site;
    let project: readonly Attempt[];
    let gateway: readonly Attempt[];
    let other: readonly Attempt[];

    beforeAll(async () => {
      site = holdWith(await openSite({ engine, brNetfilter, routed: true }), backend);
      await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
      await site.host.compose('other', article({ ipv6: true, net: 21, publish: null }), 'up', '-d');
      const of = async (who: string) => [await addressOf(site, who, 4), await addressOf(site, who, 6)];
      project = (await of('app/mongo')).flatMap((to): Attempt[] => [
        { from, to, port: 27017 },
        { from, to, port: 9200, proto: 'udp' },
        { from, to, proto: 'icmp' },
      ]);
      gateway = ['172.20.0.1', 'fd00:172:20::1'].flatMap((to): Attempt[] => [
        { from, to, port: 22 },
        { from, to, port: 53, proto: 'udp' },
      ]);
      other = (await of('other/mongo')).map((to): Attempt => ({ from, to, port: 27017 }));
      await expectControl(site, [...allowedOutside(), ...deniedOutside(), ...project, ...gateway]);
      await withoutDockersRules(site, () => expectControl(site, other));
      await applyPolicy(site, policy);
    });
    afterAll(() => site?.stop());

    test('proxy, resolver and internet are reached', async () => {
      await expectAllowed(site, allowedOutside());
    });

    test('containers of the project reach each other', async () => {
      await expectAllowed(site, project);
    });

    test('other private hosts, the host, cloud metadata and other ports of the resolver are not', async () => {
      await expectDenied(site, deniedOutside());
    });

    test('the gateway is not reached', async () => {
      await expectDenied(site, gateway);
    });

    test("another Compose project is not reached, with Docker's rules and without", async () => {
      await expectDenied(site, other);
      await withoutDockersRules(site, () => expectDenied(site, other));
    });

    test('denied TCP is refused at once, and denied UDP and ping are told', async () => {
      const [tcp, udp] = await site.host.probeMany([
        { from, to: places.private.v4, port: 23 },
        { from, to: places.private.v4, port: 515, proto: 'udp' },
      ]);
      expect(tcp).toMatchObject({ outcome: 'refused', arrived: false });
      expect(udp).toMatchObject({ arrived: false });
      expect(['unreachable', 'timeout']).toContain(udp?.outcome); // ICMP errors are limited by the kernel
    });

    test('the published port answers the LAN', async () => {
      const probes = await site.lanClient.probeMany(
        families.map((family) => ({ to: hostAddress[family], port: 3000 })),
      );
      for (const probe of probes) {
        expect(probe.outcome, JSON.stringify(probe.spec)).toBe('answered');
        expect(probe.reply).toContain('peer');
      }
    });

    test('what no policy names goes on as without Sluice, but for the guardrails', async () => {
      const metadata: readonly string[] = Object.values({ v4: places.metadata.v4, v6: places.metadata.v6 });
      const attempts = [...allowedOutside(), ...deniedOutside()].map((attempt) => ({ ...attempt, from: 'other/app' }));
      await expectAllowed(
        site,
        allowedOutside().map((attempt) => ({ ...attempt, from: 'other/app' })),
      );
      await expectControl(
        site,
        attempts.filter(({ to }) => !metadata.includes(to)),
      );
      await expectDenied(
        site,
        attempts.filter(({ to }) => metadata.includes(to)),
      );
    });

    test('after down nothing of ours is left and everything flows as before', async () => {
      const done = await site.host.sluice('down');
      expect(done.code, done.stderr).toBe(0);
      expect(await ourRules(site)).toBe('');
      // masquerade keeps one conversation per protocol without ports and destination, whoever began it
      await site.host.must(['conntrack', '-F']);
      await expectControl(site, [...allowedOutside(), ...deniedOutside(), ...project, ...gateway]);
    });
  },
);
