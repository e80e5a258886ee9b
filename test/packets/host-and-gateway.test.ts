import { afterAll, beforeAll, describe, test } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { hostAddress, places } from '../../lab/world.ts';
import { holdWith, waysOn } from './backends.ts';
import { bridgeOf, gatewayOf, linkLocal } from './forging.ts';
import { type Attempt, addressOf, applyPolicy, expectAllowed, expectControl, expectOnly } from './support.ts';

/** Everybody is on `front`, the last one on `back` as well. */
const lists = {
  gateway: 'allow: [gateway]',
  host: 'allow: [host]',
  'but-gateway': 'allow: [host], deny: [gateway]',
  outside: 'allow: [internet, private]',
  'host-port': 'allow: ["host:8053", "host:8053/udp"]',
  'loopback-port': 'allow: ["host:8181", "host:8181/udp"]',
  'but-loopback-port': 'allow: any, deny: ["host:8181", "host:8181/udp"]',
  'both-gateways': 'allow: [gateway]',
} as const;
type Who = keyof typeof lists;
const everybody = Object.keys(lists) as Who[];

const compose = `version: '3'
services:
${everybody
  .map((who) => `  ${who}: { image: lab/app, networks: [front${who === 'both-gateways' ? ', back' : ''}] }`)
  .join('\n')}
networks:
  front:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.20.0.0/16 }, { subnet: "fd00:172:20::/64" }] }
  back:
    enable_ipv6: true
    ipam: { config: [{ subnet: 172.21.0.0/16 }, { subnet: "fd00:172:21::/64" }] }
`;

const policy = `version: 1
projects:
  app:
    allow: none
    services:
${everybody.map((who) => `      ${who}: { ${lists[who]} }`).join('\n')}
`;

/** Of the host's, on no interface of any network: there when the policy is applied, and come since. */
const [known, fresh] = [
  { v4: '10.99.0.1', v6: 'fd00:99::1' },
  { v4: '10.99.0.2', v6: 'fd00:99::2' },
] as const;

const families = ['v4', 'v6'] as const;
const attempts = (who: Who, to: string): readonly Attempt[] => [
  { from: `app/${who}`, to, port: 22 },
  { from: `app/${who}`, to, port: 9000, proto: 'udp' },
  { from: `app/${who}`, to, proto: 'icmp' },
];

describe.each(waysOn('28.5', 'iptables-legacy'))('host and gateway, engine $name', { timeout: 120_000 }, (way) => {
  let site: Site;
  /** The host's addresses, by what they are. */
  let own: Readonly<Record<'front' | 'back' | 'docker0' | 'elsewhere' | 'fresh', readonly string[]>>;

  beforeAll(async () => {
    site = holdWith(await openSite({ engine: way.engine }), way.backend);
    await site.host.compose('app', compose, 'up', '-d');
    const [front, back] = [await gatewayOf(site, 'app_front'), await gatewayOf(site, 'app_back')];
    own = {
      front: [front.v4, front.v6, `${linkLocal(front.mac)}%eth0`],
      back: [back.v4, back.v6],
      docker0: [(await gatewayOf(site, 'bridge')).v4],
      elsewhere: [hostAddress.v4, hostAddress.v6, known.v4, known.v6],
      fresh: [fresh.v4, fresh.v6],
    };
    await has(known);
    await has(fresh);
    await publishLoopback(site);
    await expectControl(site, [
      ...everybody.flatMap((who) => [...toHost(who, ...everywhere), ...toLoopback(who, ...ways)]),
      ...besideTheHost('host'),
      ...(await neighbour('host')),
    ]);
    await has(fresh, 'del');
    await applyPolicy(site, policy);
    await has(fresh);
  });
  afterAll(() => site?.stop());

  const has = async (place: typeof known | typeof fresh, verb: 'add' | 'del' = 'add') => {
    for (const family of families) await site.host.must(['ip', 'addr', verb, place[family], 'dev', 'lo']);
  };

  const everywhere = ['front', 'back', 'docker0', 'elsewhere', 'fresh'] as const;
  const toHost = (who: Who, ...where: readonly (keyof typeof own)[]): readonly Attempt[] =>
    // eth0 of who is on two networks may be on either
    where
      .flatMap((name) => own[name])
      .filter((to) => who !== 'both-gateways' || !to.startsWith('fe80'))
      .flatMap((to) => attempts(who, to));
  /** What the host hears without being the one it is for, and who is not the host. */
  const besideTheHost = (who: Who): readonly Attempt[] => [
    ...['172.20.255.255', '255.255.255.255', '224.0.0.251', 'ff02::fb%eth0'].map(
      (to): Attempt => ({ from: `app/${who}`, to, port: 5353, proto: 'udp', timeout: 150 }),
    ),
    ...families.flatMap((family) => attempts(who, places.private[family])),
  ];
  const neighbour = async (who: Who): Promise<readonly Attempt[]> =>
    (await Promise.all(([4, 6] as const).map((family) => addressOf(site, 'app/outside', family)))).flatMap((to) =>
      attempts(who, to),
    );

  test("gateway is the host's address on the container's own networks and host.docker.internal, and no other of the host's", async () => {
    await expectOnly(
      site,
      [...toHost('gateway', 'front', 'docker0'), ...toHost('both-gateways', 'front', 'back', 'docker0')],
      [...toHost('gateway', 'back', 'elsewhere', 'fresh'), ...toHost('both-gateways', 'elsewhere', 'fresh')],
    );
  });

  test('host is every address of the host, one it got since too, and nobody else', async () => {
    await expectOnly(site, toHost('host', ...everywhere), [...besideTheHost('host'), ...(await neighbour('host'))]);
  });

  test('a deny of gateway takes out of host just what gateway means', async () => {
    await expectOnly(
      site,
      toHost('but-gateway', 'back', 'elsewhere', 'fresh'),
      toHost('but-gateway', 'front', 'docker0'),
    );
  });

  test('neither internet nor private is an address of the host', async () => {
    await expectOnly(
      site,
      families.flatMap((family) => [
        ...attempts('outside', places.private[family]),
        ...attempts('outside', places.internet[family]),
      ]),
      toHost('outside', ...everywhere),
    );
  });

  /** Where the administrator's rule sends on to the loopback what comes from `front`. */
  const loopbackBy = {
    gateway: () => own.front[0] as string,
    host: () => hostAddress.v4,
    internet: () => places.internet.v4,
  } as const;
  type By = keyof typeof loopbackBy;
  const ways = Object.keys(loopbackBy) as By[];
  const toLoopback = (who: Who, ...by: readonly By[]): readonly Attempt[] =>
    by.flatMap((name): readonly Attempt[] => [
      { from: `app/${who}`, to: loopbackBy[name](), port: 8053 },
      { from: `app/${who}`, to: loopbackBy[name](), port: 8053, proto: 'udp' },
    ]);

  test("a service on the host's loopback, by DNAT, is reached by whom policy lets to the host, and by nobody else", async () => {
    await expectOnly(site, toLoopback('host', ...ways), toLoopback('outside', ...ways));
    await expectAllowed(site, toLoopback('host', ...ways));
  });

  test('by DNAT to the loopback gateway lets through what is sent to the gateway, and a deny of it stops that', async () => {
    await expectOnly(
      site,
      [...toLoopback('gateway', 'gateway'), ...toLoopback('but-gateway', 'host', 'internet')],
      [...toLoopback('gateway', 'host', 'internet'), ...toLoopback('but-gateway', 'gateway')],
    );
  });

  test('by DNAT to the loopback the port counts as it was sent to the host, and as it is there', async () => {
    await expectOnly(
      site,
      [...toLoopback('host-port', 'gateway', 'host'), ...toLoopback('loopback-port', ...ways)],
      [...toLoopback('host-port', 'internet'), ...toLoopback('but-loopback-port', ...ways)],
    );
  });
});

/**
 * An administrator's way to a service on 127.0.0.1:8181 for who is on `front`: port 8053 of any address. IPv6 has no
 * `route_localnet`: the kernel takes nothing from elsewhere in for ::1.
 */
async function publishLoopback(site: Site): Promise<void> {
  const server = site.host.spawn(['/run/labtool', 'serve', 'tcp', '8181', 'udp', '8181', '--log']);
  await new Promise((resolve) => server.stdout.once('data', resolve));
  server.stdout.resume();
  const bridge = await bridgeOf(site, 'app_front');
  await site.host.sysctl({ [`net.ipv4.conf.${bridge}.route_localnet`]: 1 });
  await site.host.nft(`table ip administrator {
  chain prerouting {
    type nat hook prerouting priority -100;
    iifname "${bridge}" tcp dport 8053 dnat to 127.0.0.1:8181
    iifname "${bridge}" udp dport 8053 dnat to 127.0.0.1:8181
  }
}`);
}
