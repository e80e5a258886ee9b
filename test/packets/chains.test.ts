import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines } from '../../lab/roots.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { type Attempt, addressOf, describeAttempt, expectOnly } from './support.ts';

/** A network as usual with a published port, an internal one, and one that keeps its containers apart. */
const compose = `version: '3'
services:
  web: { image: lab/app, ports: ["8080:3000"], networks: [front] }
  peer: { image: lab/app, networks: [front] }
  db: { image: lab/app, networks: [back] }
  lone: { image: lab/app, ports: ["127.0.0.1:8081:5300/udp"], networks: [apart] }
  other: { image: lab/app, networks: [apart] }
networks:
  front:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
  back:
    internal: true
    ipam: { config: [{ subnet: 172.21.0.0/16 }] }
  apart:
    driver_opts: { com.docker.network.bridge.enable_icc: "false" }
    ipam: { config: [{ subnet: 172.22.0.0/16 }] }
`;

interface Rule {
  readonly text: string;
  readonly maker: string;
  readonly sureness: string;
  readonly purpose: string;
  readonly outbound: string;
  readonly projects: readonly string[];
  readonly networks: readonly { readonly name: string | null }[];
  readonly containers: readonly { readonly name: string | null; readonly service: string | null }[];
}

interface Chains {
  readonly layouts: readonly { readonly family: string; readonly engineVersions: string }[];
  readonly counts: { readonly rules: number; readonly unknown: number };
  readonly tables: readonly {
    readonly family: string;
    readonly name: string;
    readonly chains: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
  }[];
}

const versions: Readonly<Record<string, string>> = {
  '20.10': '18.09 to 27',
  '26.1': '18.09 to 27',
  '28.5': '28.2 to 28.5',
};

const variants = engines.flatMap((engine) => [true, false].map((userlandProxy) => ({ engine, userlandProxy })));

describe.each(variants)('chains, engine $engine, userland proxy $userlandProxy', ({ engine, userlandProxy }) => {
  let site: Site;
  let seen: Chains;
  let rules: readonly (Rule & { readonly family: string; readonly table: string; readonly chain: string })[];

  beforeAll(async () => {
    site = await openSite({ engine, userlandProxy });
    await site.host.compose('app', compose, 'up', '-d');
    seen = await chainsOf(site);
    rules = seen.tables.flatMap(({ family, name, chains }) =>
      chains.flatMap((chain) => chain.rules.map((rule) => ({ ...rule, family, table: name, chain: chain.name }))),
    );
  });
  afterAll(() => site[Symbol.asyncDispose]());

  const told = (outbound: string, network: string, family = 'ip') =>
    rules.filter(
      (rule) =>
        rule.family === family && rule.outbound === outbound && rule.networks.some(({ name }) => name === network),
    );

  test('the generation is told, for both families', () => {
    expect(seen.layouts).toEqual([
      expect.objectContaining({ family: 'ip', engineVersions: versions[engine] }),
      expect.objectContaining({ family: 'ip6', engineVersions: versions[engine] }),
    ]);
  });

  test('every rule is one of Docker’s, to its last condition', () => {
    expect(rules.length).toBeGreaterThan(40);
    expect(rules.filter(({ sureness }) => sureness !== 'exact').map(({ text }) => text)).toEqual([]);
    expect(new Set(rules.map(({ maker }) => maker))).toEqual(new Set(['docker']));
    expect(seen.counts.unknown).toBe(0);
  });

  test('networks and their project are told by their bridges', () => {
    const named = new Set(rules.flatMap(({ networks }) => networks.map(({ name }) => name)));
    expect(named).toEqual(new Set(['bridge', 'app_front', 'app_back', 'app_apart']));
    for (const rule of rules) {
      const own = rule.networks.some(({ name }) => name?.startsWith('app_') === true);
      expect({ text: rule.text, projects: rule.projects }).toEqual({ text: rule.text, projects: own ? ['app'] : [] });
    }
  });

  test('containers are told by their addresses, where a port is published', () => {
    const services = (text: string) =>
      new Set(
        rules
          .filter((rule) => rule.text.includes(text))
          .flatMap(({ containers }) => containers.map(({ service }) => service)),
      );
    const web = services('--dport 8080');
    expect(web).toEqual(new Set(['web']));
    expect(services('--to-destination 172.22')).toEqual(new Set(['lone']));
    const opened = rules.filter(
      ({ table, chain, outbound, text }) =>
        table === 'filter' && chain === 'DOCKER' && outbound === 'inbound' && text.includes('--dport'),
    );
    expect(new Set(opened.flatMap(({ containers }) => containers.map(({ service }) => service)))).toEqual(
      new Set(['web', 'lone']),
    );
  });

  test('what is let out and what is stopped is so, by packets', async () => {
    const far = site.private.v4;
    const to = async (from: string, who: string): Promise<Attempt> => ({
      from,
      to: await addressOf(site, who),
      port: 9200,
    });
    const cases: readonly (readonly [attempt: Attempt, arrives: boolean, rules: readonly Rule[]])[] = [
      [{ from: 'app/web', to: far, port: 22 }, true, told('lets-out', 'app_front')],
      [{ from: 'app/lone', to: far, port: 22 }, true, told('lets-out', 'app_apart')],
      [{ from: 'app/db', to: far, port: 22 }, false, told('stops', 'app_back')],
      [await to('app/web', 'app/lone'), false, told('isolates', 'app_apart')],
      [await to('app/lone', 'app/web'), false, told('isolates', 'app_front')],
      [await to('app/web', 'app/db'), false, told('isolates', 'app_back')],
      [await to('app/web', 'app/peer'), true, []],
      [
        await to('app/lone', 'app/other'),
        false,
        told('neighbours', 'app_apart').filter(({ purpose }) => purpose.includes('icc=false')),
      ],
      [{ from: 'app/web', to: site.private.v6, port: 22 }, true, told('lets-out', 'app_front', 'ip6')],
    ];
    for (const [attempt, , said] of cases.filter((_, at) => at !== 6))
      expect(said, describeAttempt(attempt)).not.toEqual([]);
    expect(told('lets-out', 'app_back')).toEqual([]);
    const those = (wanted: boolean) => cases.flatMap(([attempt, arrives]) => (arrives === wanted ? [attempt] : []));
    await expectOnly(site, those(true), those(false));
  });

  test('a rule that somebody puts among Docker’s is not taken for its own', async () => {
    const front = (await site.host.docker('network', 'inspect', '-f', '{{slice .Id 0 12}}', 'app_front')).trim();
    const look = ['FORWARD', '-i', `br-${front}`, '!', '-o', `br-${front}`, '-p', 'tcp', '-j', 'ACCEPT'];
    await site.host.must(['iptables', '-I', ...look]);
    try {
      const { counts, tables } = await chainsOf(site);
      expect(counts).toMatchObject({ rules: seen.counts.rules + 1, unknown: 1 });
      const forward = tables
        .find(({ family, name }) => family === 'ip' && name === 'filter')
        ?.chains.find(({ name }) => name === 'FORWARD');
      expect(forward?.rules[0]).toMatchObject({
        maker: 'unknown',
        sureness: 'unknown',
        outbound: 'may-let-out',
        projects: ['app'],
      });
    } finally {
      await site.host.must(['iptables', '-D', ...look]);
    }
  });
});

async function chainsOf(site: Site): Promise<Chains> {
  const { code, stdout, stderr } = await site.host.sluice('chains', '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Chains;
}
