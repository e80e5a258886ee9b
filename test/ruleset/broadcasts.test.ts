import { describe, expect, test } from 'vitest';
import { intersectSets, noAddresses, setIncludes, setOfPrefixes, unionSets } from '../../src/ip/address-set.ts';
import { prefixOf } from '../../src/ip/prefix.ts';
import type { WorldSketch } from '../generate/build.ts';
import { judge, town } from './support.ts';

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
