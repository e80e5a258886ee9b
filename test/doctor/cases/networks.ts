import type { Facts } from '../../../src/doctor/facts.ts';
import type { WorldSketch } from '../../generate/build.ts';
import { factsOf, one, proxy } from '../facts.ts';
import type { Chapter } from './chapter.ts';

const logging = (driver: string, address: string | null) => one({ logging: { driver, address } });
const shortSeen = 'app/app (app-app-1): sends up to 1500 bytes on app_default, wg0 takes 1420';
/** An enforced container of 1,500 bytes on a host where WireGuard takes fewer. */
function short(container: Partial<WorldSketch['containers'][number]> = {}, port = 1500): Partial<Facts> {
  const { world } = factsOf(one(container));
  const [sender] = world?.containers ?? [];
  const [network] = world?.networks.filter(({ id }) => id === sender?.endpoints[0]?.network) ?? [];
  if (sender === undefined) throw new Error('no container');
  return {
    sizes: {
      mtus: new Map([
        ['veth1', port],
        ['wg0', 1420],
      ]),
      ways: new Map([
        ['eth0', 1500],
        ['wg0', 1420],
        ['docker0', 1280], // its own bridges are none
      ]),
    },
    enforced: [{ container: sender, bridge: network?.bridge?.name ?? '', port: 'veth1' }],
  };
}

/** Ways out of a container that no rule of ours sees, and ways in. */
export const networks: Chapter = {
  found: [
    ['a way out that is short', 'short-uplink', factsOf({}, short()), shortSeen, 'cap_drop: [NET_RAW]'],
    [
      'a way out that is short, for docker0',
      'short-uplink',
      factsOf({}, short({ name: 'alone', on: ['bridge'] })),
      'app/app (alone): sends up to 1500 bytes on bridge, wg0 takes 1420',
      '/etc/docker/daemon.json: "mtu": 1420',
    ],
    [
      'a way out that is short, for who got NET_RAW back',
      'short-uplink',
      factsOf({}, short({ dropped: ['ALL'], powers: { capabilities: ['NET_RAW'] } })),
      shortSeen,
      'cap_drop: [NET_RAW]',
    ],
    [
      'a log that leaves',
      'log-from-host',
      factsOf(logging('gelf', 'udp://192.0.2.1:12201')),
      'app/app (app-app-1): log driver gelf to udp://192.0.2.1:12201',
      'logging: { driver: local }',
    ],
    ['a log to a name', 'log-from-host', factsOf(logging('fluentd', 'logs.example:24224')), /logs\.example/, /local/],
    ['a log by IPv6', 'log-from-host', factsOf(logging('syslog', 'tcp://[2001:db8::1]:514')), /2001:db8/, /local/],
    ['a log to a cloud', 'log-from-host', factsOf(logging('awslogs', null)), /log driver awslogs$/, /local/],
    [
      'a network of another',
      'shared-network',
      factsOf({
        containers: [
          { name: 'a', on: ['app_default'] },
          { name: 'b', mode: 'container:a' },
        ],
      }),
      'b: the network of a',
      'networks: [default] # in place of network_mode',
    ],
    [
      "a bridge that leads to the host's loopback",
      'loopback-routed',
      factsOf({}, { routesLoopback: ['br-000000abc001'] }),
      'net.ipv4.conf.br-000000abc001.route_localnet = 1 (app_default)',
      'sysctl -w net.ipv4.conf.br-000000abc001.route_localnet=0',
    ],
    [
      "the host's network",
      'host-network',
      factsOf({ containers: [{ name: 'node', mode: 'host' }] }),
      'node: network_mode host',
      'networks: [default] # in place of network_mode: host',
    ],
    [
      'macvlan',
      'past-the-host',
      factsOf(one({ on: ['lan'] })),
      'app/app (app-app-1): on lan, driver macvlan',
      'docker network disconnect lan app-app-1',
    ],
    [
      'lookups from the host',
      'dns-from-host',
      factsOf(one({ lookupsFromHost: true })),
      'app/app (app-app-1): no dns of its own, engine 28.5.2',
      'dns: ["192.168.100.2"]',
    ],
    [
      'lookups, and no resolver to name',
      'dns-from-host',
      factsOf(one({ lookupsFromHost: true }), { nameservers: [] }),
      /no dns/,
      'dns: [ADDRESS]',
    ],
    [
      'a port on every address',
      'published-everywhere',
      factsOf(one({ published: ['3000:80/tcp'] }), { proxies: [proxy] }),
      'app/app (app-app-1): 3000:80/tcp',
      'ports: ["127.0.0.1:3000:80/tcp"]',
    ],
    [
      'a port on every IPv6 address',
      'published-everywhere',
      factsOf(one({ published: ['[::]:3000:80/tcp'] }), { proxies: [{ ...proxy, address: '::' }] }),
      /3000:80/,
      'ports: ["127.0.0.1:3000:80/tcp"]',
    ],
  ],
  quiet: [
    ['a log to the host itself', factsOf(logging('syslog', 'unixgram:///dev/log'))],
    ['a log to a collector on the host', factsOf(logging('fluentd', '127.0.0.1:24224'))],
    ['a log to the loopback by IPv6', factsOf(logging('gelf', 'udp://[::1]:12201'))],
    ['a log to where the driver sends by itself', factsOf(logging('syslog', null))],
    ['a log of a plugin', factsOf(logging('acme/logs:1', 'tcp://192.0.2.1:1'))],
    ['an interface of no network of the engine', factsOf({}, { routesLoopback: ['eth0'] })],
    ['a way out that is short, for who may not write frames', factsOf({}, short({ dropped: ['NET_RAW'] }))],
    ['a way out that is short, for who may nothing', factsOf({}, short({ dropped: ['ALL'] }))],
    ['a way out as short as what a container sends', factsOf({}, short({}, 1420))],
    [
      'a port on one address',
      factsOf(one({ published: ['127.0.0.1:3000:80/tcp'] }), { proxies: [{ ...proxy, address: '127.0.0.1' }] }),
    ],
    ['a port that no docker-proxy answers on', factsOf(one({ published: ['3000:80/tcp'] }))],
    ['another protocol behind docker-proxy', factsOf(one({ published: ['3000:80/udp'] }), { proxies: [proxy] })],
  ],
};
