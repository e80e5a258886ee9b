import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Probe } from '../../lab/probe.ts';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress } from '../../lab/world.ts';
import { holdWith, waysOf } from './backends.ts';
import {
  type Attempt,
  addressOf,
  applyPolicy,
  describeAttempt,
  expectDenied,
  missing,
  withoutDockersRules,
} from './support.ts';

const families = ['v4', 'v6'] as const;

/** What each client may do, by the name of its service. */
const clients = {
  'by-host': 'allow: ["host:3000", { to: host, ports: ["5300/udp"] }]',
  'by-service': 'allow: ["project/web/web:3000", { to: project/web/web, ports: ["53/udp"] }]',
  'by-any': 'allow: any',
  'by-dns': 'allow: [dns]',
  'not-at-all': 'allow: none',
  'not-there': 'allow: ["host:3001", "project/web/web:80", "host:53/udp"]',
  'not-host': 'allow: any, deny: ["host:3000", "host:5300/udp"]',
  'not-service': 'allow: any, deny: [project/web/web]',
} as const;
type Client = keyof typeof clients;
const allowed: readonly Client[] = ['by-host', 'by-service', 'by-any'];
const denied: readonly Client[] = ['by-dns', 'not-at-all', 'not-there', 'not-host', 'not-service'];

const networkOf = { web: 20, far: 21 } as const;
type Project = keyof typeof networkOf;

/** A resolver in a container, published on the host, is `dns` for those whose resolver that address of the host is. */
const mayLookUp: readonly Client[] = ['by-dns', 'by-any'];
const mayNotLookUp: readonly Client[] = ['by-host', 'not-at-all', 'not-service'];

/** The project `web` has the server among its clients; `far` has the same clients on another network. */
function compose(project: Project): string {
  const net = networkOf[project];
  const server = `  web: { image: lab/app, ports: ["3000:3000", "5300:53/udp", "53:53/udp"] }
  shut: { image: lab/app, ports: ["3001:3000"] }
`;
  return `version: '3'
services:
${project === 'web' ? server : ''}${Object.keys(clients)
  .map((name) => `  ${name}: { image: lab/app, dns: ["${hostAddress.v4}", "${hostAddress.v6}"] }`)
  .join('\n')}
networks:
  default:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.${net}.0.0/16 }, { subnet: "fd00:172:${net}::/64" }] }
`;
}

const services = Object.entries(clients)
  .map(([name, lists]) => `      ${name}: { ${lists} }`)
  .join('\n');

const policy = `version: 1
projects:
  web:
    allow: none
    services:
      web: { allow: ["host:3000"] }
${services}
  far:
    allow: none
    services:
${services}
`;

const ways = waysOf({ '28.5': 'iptables-legacy' }).flatMap((way) =>
  (way.backend === 'nftables' ? [true, false] : [false]).map((userlandProxy) => ({
    ...way,
    userlandProxy,
  })),
);

describe.each(ways)('published ports on engine $name, userland-proxy $userlandProxy', { timeout: 60_000 }, (way) => {
  let site: Site;
  let web: string;

  beforeAll(async () => {
    site = holdWith(await openSite(way), way.backend);
    await Promise.all((['web', 'far'] as const).map((name) => site.host.compose(name, compose(name), 'up', '-d')));
    web = (await site.host.container('web/web')).name;
    for (const project of ['web', 'far'] as const)
      await asDockerLets(project, async () => {
        const all = [...visits(project, [...allowed, ...denied]), ...lookups(project, [...mayLookUp, ...mayNotLookUp])];
        await expectServed(all);
      });
    for (const who of ['web', 'shut'] as const) await expectServed(hairpins(who));
    await expectOthersServed();
    await applyPolicy(site, policy);
  });
  afterAll(() => site?.stop());

  /** Each client's tries of the published ports, at the host's addresses. */
  function visits(project: Project, who: readonly Client[]): readonly Attempt[] {
    return who.flatMap((name) => tries(`${project}/${name}`));
  }
  /** Questions to the resolver that the containers were given. */
  function lookups(project: Project, who: readonly Client[]): readonly Attempt[] {
    return who.flatMap((name) =>
      families.map(
        (family): Attempt => ({ from: `${project}/${name}`, to: hostAddress[family], port: 53, proto: 'udp' }),
      ),
    );
  }
  /** To its own published port, through the host. */
  const hairpins = (who: 'web' | 'shut') =>
    families.map(
      (family): Attempt => ({ from: `web/${who}`, to: hostAddress[family], port: who === 'web' ? 3000 : 3001 }),
    );

  function tries(from: string): readonly Attempt[] {
    return families.flatMap((family): Attempt[] => [
      { from, to: hostAddress[family], port: 3000 },
      { from, to: hostAddress[family], port: 5300, proto: 'udp' },
    ]);
  }

  /** Without docker-proxy, Docker's own rules keep other networks from published ports: they are put out of the way. */
  function asDockerLets<T>(project: Project, body: () => Promise<T>): Promise<T> {
    return project === 'far' && !way.userlandProxy ? withoutDockersRules(site, body) : body();
  }

  /**
   * The attempts that the server itself has answered; of datagrams those that came to it, since docker-proxy up to 26.1
   * answers from the address it pleases.
   */
  async function served(attempts: readonly Attempt[]): Promise<readonly string[]> {
    const probes = await site.host.probeMany(attempts);
    return attempts.filter((_, index) => isServed(probes[index] as Probe)).map(describeAttempt);
  }

  const isServed = (probe: Probe): boolean =>
    probe.spec.proto === 'udp' ? probe.at.includes(web) : probe.reply.startsWith('peer ');

  async function expectServed(attempts: readonly Attempt[]): Promise<void> {
    expect(await missing(site.host, attempts, isServed), 'not served').toEqual([]);
  }

  /** What is no container's: the LAN's clients and the host itself. */
  async function expectOthersServed(): Promise<void> {
    const isServedFromFar = ({ reply, at }: Probe) => reply.includes('peer ') && at.includes(web);
    expect(await missing(site.lanClient, tries('the LAN'), isServedFromFar), 'not served').toEqual([]);
    await expectServed([...tries('host'), { from: 'host', to: await addressOf(site, 'web/web', 4), port: 3000 }]);
  }

  test.each(['web', 'far'] as const)(
    'whom policy allows the host or the service is served, from network %s',
    async (project) => {
      await asDockerLets(project, async () => {
        const all = visits(project, allowed);
        await expectServed(all);
      });
    },
  );

  test.each(['web', 'far'] as const)(
    'whom policy denies either, or allows neither, reaches nobody, from network %s',
    async (project) => {
      await expectDenied(site, visits(project, denied));
      await withoutDockersRules(site, () => expectDenied(site, visits(project, denied)));
    },
  );

  test.each(['web', 'far'] as const)(
    'a resolver published on the host is asked by whom policy lets, and by nobody else, from network %s',
    async (project) => {
      await asDockerLets(project, async () => {
        const all = lookups(project, mayLookUp);
        await expectServed(all);
        await expectDenied(site, lookups(project, mayNotLookUp));
      });
    },
  );

  test('a container reaches its own published port through the host where it is allowed to', async () => {
    await expectServed(hairpins('web'));
    expect(await served(hairpins('shut'))).toEqual([]);
  });

  test('the LAN and the host itself are served as without Sluice', expectOthersServed);
});
