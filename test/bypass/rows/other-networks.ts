import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from '../../../lab/site.ts';
import { places } from '../../../lab/world.ts';
import { gatewayOf, seatOf } from '../../packets/forging.ts';
import type { Attempt } from '../../packets/support.ts';
import { proxyOnly } from '../ground.ts';
import { meanwhile } from '../meanwhile.ts';
import type { BypassWay, Case, Held, Row, Sighting } from '../row.ts';
import { runBeside } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

const outOf = (from: string): readonly Attempt[] => [
  { from, to: places.private.v4, port: 22 },
  { from, to: places.internet.v4, port: 443 },
  { from, to: places.internet.v4, port: 53, proto: 'udp' },
];

/** With any guardrail every network of Docker's is held from when it is there. */
const guarded: Held = {
  policy: `version: 1
guardrails: { deny: [cloud-metadata] }
projects:
  app: { allow: ["${places.proxy.v4}:3128"] }
`,
  allowed: proxyOnly.allowed,
};

/** Connects it while it sends, and tries again when the daemon has had its time; `note` is behind what it tries. */
async function throughTheSecond(site: Site, note: string): Promise<readonly Sighting[]> {
  const { host } = site;
  const { name } = await host.container('app/app');
  const [web, gateway] = [await seatOf(site, 'shop/web'), await gatewayOf(site, 'shop_default')];
  const courses = [
    { from: 'app/app', to: web.v4, port: 9100, at: await host.observer('shop/web') },
    { from: 'app/app', to: web.v6, port: 9100, at: await host.observer('shop/web') },
    { from: 'app/app', to: gateway.v4, port: 9100, at: await host.observer('host') },
  ];
  try {
    const sent = await meanwhile(site, courses, `while it is connected${note}`, async () => {
      await host.docker('network', 'connect', 'shop_default', name);
      await sleep(2_000); // an IPv6 address is tentative for a second or two
    });
    const after = await byProbes(
      site,
      [web, gateway].flatMap(({ v4, v6 }): readonly Attempt[] => [
        { from: 'app/app', to: v4, port: 9100 },
        { from: 'app/app', to: v6, port: 9100 },
        { from: 'app/app', to: v4, port: 514, proto: 'udp' },
        { from: 'app/app', to: v4, proto: 'icmp' },
      ]),
      note,
    );
    return [...sent, ...after];
  } finally {
    await host.docker('network', 'disconnect', 'shop_default', name);
  }
}

/** By nftables with no guardrail either: the guard is there before the first packet. By iptables it takes some processes. */
const whileKept = ({ backend }: BypassWay): Case => ({
  state: 'closed',
  enforces: true,
  under: [guarded],
  attempt: async ({ keep, site }) => {
    const without: Sighting[] = [];
    if (backend === 'nftables') {
      const daemon = await keep(proxyOnly.policy);
      without.push(...(await throughTheSecond(site, ', with no guardrail')));
      await daemon?.stop();
    }
    await keep(guarded.policy);
    return [...without, ...(await throughTheSecond(site, ', with a guardrail'))];
  },
});

export const connected: Row = {
  number: 44,
  title: 'a second network, connected at runtime',
  tries:
    'A running container is connected to a network that no policy names, and sends by its new interface, before, meanwhile and after. With a guardrail that network is held already; else the daemon has to be in time.',
  is: whileKept,
  outside: 'rules-that-nobody-keeps',
  rest: ({ backend }) => (backend === 'nftables' ? null : 'without a guardrail open for a moment'),
};

const onTheHosts = (who: string) => new RegExp(`${who}[^]*uses\\s+the\\s+host's\\s+network`);

const hosted = `version: '3'
services:
  owner: { image: lab/app, command: [tcp, "9997"], network_mode: host }
  joined: { image: lab/app, command: [tcp, "9996"], network_mode: "service:owner" }
`;

export const hostNetwork: Row = {
  number: 45,
  title: "the host's network, or that of another container",
  tries:
    "With network_mode: host a container's packets are the host's own, and no rule can tell them from those; nor those of who joins it, by container: or service:.",
  is: {
    state: 'refused',
    refusals: [
      { policy: 'version: 1\ncontainers: { onhost: { allow: none } }\n', says: onTheHosts('onhost') },
      { policy: 'version: 1\ncontainers: { beside: { allow: none } }\n', says: onTheHosts('beside') },
      { policy: 'version: 1\nprojects: { hosted: { allow: none } }\n', says: onTheHosts('hosted/joined') },
    ],
    prepare: async ({ site }) => {
      const { host } = site;
      await runBeside(site, 'onhost', ['--network', 'host']);
      await host.docker('run', '-d', '--name', 'beside', '--network', 'container:onhost', 'lab/app', 'tcp', '9998');
      await host.compose('hosted', hosted, 'up', '-d');
      return async () => {
        await host.docker('rm', '-f', 'onhost', 'beside');
        await host.compose('hosted', hosted, 'down', '-t', '0');
      };
    },
    attempt: ({ site }) => byProbes(site, ['onhost', 'beside', 'hosted/joined'].flatMap(outOf)),
  },
};

export const pastTheHost: Row = {
  number: 46,
  title: 'macvlan and ipvlan',
  tries:
    "An interface of its own on the LAN, here a macvlan's: what it sends passes no hook of the host's network. (The lab's kernel has no ipvlan, which is refused by the same code: test/ruleset/senders.test.ts.)",
  is: {
    state: 'refused',
    refusals: [
      {
        policy: 'version: 1\ncontainers: { onlan: { allow: none } }\n',
        says: /onlan[^]*\(macvlan\)\s+do\s+not\s+cross/,
      },
    ],
    prepare: async ({ site }) => {
      const range = ['--subnet', '192.168.0.0/16', '--ip-range', '192.168.77.0/24', '--gateway', '192.168.0.1'];
      await site.host.docker('network', 'create', '-d', 'macvlan', ...range, '-o', 'parent=eth0', 'lan');
      await runBeside(site, 'onlan', ['--network', 'lan']);
      return async () => {
        await site.host.docker('rm', '-f', 'onlan');
        await site.host.docker('network', 'rm', 'lan');
      };
    },
    attempt: ({ site }) => byProbes(site, outOf('onlan')),
  },
};
