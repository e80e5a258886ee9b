import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import {
  everyAddress,
  intersectSets,
  noAddresses,
  setIncludes,
  setOfPrefixes,
  unionSets,
} from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import { address, type WorldSketch } from '../generate/build.ts';
import { judge, now, town } from './support.ts';

/** A project may choose its networks' subnets: this one's last address is the host's own, 192.168.1.3. */
const around = (subnet: string): WorldSketch => ({
  ...town,
  networks: [...town.networks, { name: 'evil_default', subnets: [subnet], project: 'evil', composeKey: 'default' }],
  containers: [
    ...town.containers,
    { name: 'on-it', workload: 'evil/a', on: ['evil_default'] },
    { name: 'elsewhere', workload: 'evil/b', on: ['shop_default'] },
  ],
  host: ['192.168.1.3/24', '2a01:4f8::2/64'],
});

describe.each(['10.77.0.0/30', '192.168.1.0/30'])("the host's own address stays the host's beside %s", (subnet) => {
  test.each([
    'guardrails: { deny: [host] }\nprojects: { evil: { allow: any } }',
    'projects: { evil: { allow: any, deny: [host] } }',
    'projects: { evil: { allow: [multicast] } }',
    'projects: { evil: { allow: [private, internet] } }',
  ])('denied by %s', (policy) => {
    const { say } = judge(policy, around(subnet));
    for (const from of ['on-it', 'elsewhere']) expect(say(from, '192.168.1.3:22/tcp'), from).toBe('denied');
  });

  test('and is allowed as such', () => {
    const { say } = judge('projects: { evil: { allow: [host] } }', around(subnet));
    for (const from of ['on-it', 'elsewhere']) expect(say(from, '192.168.1.3:22/tcp'), from).toBe('allowed');
  });
});

test('what is sent to all of a network counts as multicast on its own bridge alone', () => {
  const { ruleset, world } = judge('projects: { evil: { allow: [multicast] } }', around('45.90.10.8/30'));
  const last = setOfPrefixes([prefixOf('45.90.10.11')]);
  const its = ruleset.programs.filter(({ workload }) => workload.startsWith('evil/'));
  expect(its).not.toEqual([]);
  const byAddress = its.flatMap(({ allow }) =>
    allow.flatMap(({ plane, to }) => (plane === 'forward' && to.kind === 'addresses' ? [to.set] : [])),
  );
  expect(intersectSets(unionSets(...byAddress), last)).toEqual(noAddresses);
  const bridge = world.networks.find(({ name }) => name === 'evil_default')?.bridge?.name;
  const there = ruleset.groups.flatMap(({ members }) => members);
  expect(there.filter(({ address }) => setIncludes(last, address)).map((one) => one.bridge.name)).toEqual([bridge]);
});

/** What the host takes in beside everybody else, at a port of UDP. */
const toMany = ['255.255.255.255', '172.17.255.255', '224.0.0.1', 'ff02::1'];

describe('what is sent to many is judged by the host as well', () => {
  const dns: WorldSketch = {
    ...town,
    containers: [
      ...town.containers,
      { name: 'dns', workload: 'far/dns', on: ['shop_default'], published: ['5353:53/udp'] },
      { name: 'one', workload: 'far/one', on: ['shop_default'], published: ['192.168.1.2:5454:53/udp'] },
    ],
  };
  /** Which of them the host takes in from a container. */
  const taken = (policy: string, from: string, port: number) => {
    const { ruleset } = judge(policy, dns);
    const endpoint = ruleset.endpoints.find(({ container }) => container.name === from);
    if (endpoint === undefined) throw new Error(`${from} is not held`);
    const atHost = { ...ruleset, hostAddresses: everyAddress };
    return toMany.filter((to) => {
      const packet = { from: endpoint, to: address(to), protocol: protocolNumbers.udp, port };
      return evaluate(atHost, packet, now).outcome !== 'denied';
    });
  };

  test.each(['host', 'host:5353/udp', 'project/far/dns', 'containers'])('denied by a guardrail of %s', (deny) => {
    expect(taken(`guardrails: { deny: ["${deny}"] }`, 'portainer', 5353)).toEqual([]);
    const lists = `guardrails: { deny: ["${deny}"] }\nprojects: { app: { allow: [multicast], mode: audit } }`;
    expect(taken(lists, 'app-web-1', 5353)).toEqual([]);
  });

  test('denied by a list', () => {
    expect(taken('projects: { app: { allow: any, deny: [host] } }', 'app-web-1', 5353)).toEqual([]);
    expect(taken('projects: { app: { allow: any, deny: [project/far] } }', 'app-web-1', 5353)).toEqual([]);
  });

  test('a denial of a service is about its own port, and where it is bound to one address about that', () => {
    expect(taken('guardrails: { deny: [project/far/dns] }', 'portainer', 5354)).toEqual(toMany);
    expect(taken('guardrails: { deny: [project/far/one] }', 'portainer', 5454)).toEqual(toMany);
  });

  test('a permission does not mean it', () => {
    expect(taken('projects: { app: { allow: [host, project/far] } }', 'app-web-1', 5353)).toEqual([]);
    const except = (to: string) =>
      `guardrails: { deny: [host], except: [{ from: app/web, to: ${to} }] }\nprojects: { app: { allow: any } }`;
    expect(taken(except('host'), 'app-web-1', 5353)).toEqual([]);
    expect(taken(except('any'), 'app-web-1', 5353)).toEqual(toMany);
  });

  test('an exception for many does not open a service that is forbidden, one for the service does', () => {
    const except = (to: string) =>
      `guardrails: { deny: [project/far], except: [{ from: app/web, to: ${to} }] }\nprojects: { app: { allow: any } }`;
    expect(taken(except('multicast'), 'app-web-1', 5353)).toEqual([]);
    expect(taken(except('project/far/dns'), 'app-web-1', 5353)).toEqual(toMany);
  });
});
