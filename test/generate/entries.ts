import fc from 'fast-check';
import { builtinGroups } from '../../src/policy/model.ts';

/** An entry of an allow, deny or group list, as a policy file has it. */
export type EntryDocument =
  | string
  | {
      readonly to: string;
      readonly ports?: readonly string[];
      readonly protocol?: string | number;
      readonly until?: string;
    };

/** Every kind of WHO but DNS names; `any` is rare, since it leaves little to find out. */
export const whoKinds = [
  'address4',
  'address6',
  'prefix4',
  'prefix6',
  'service',
  'project',
  'workload',
  'workload-pattern',
  'container',
  'container-pattern',
  'network',
  'group',
  'any',
  ...builtinGroups,
] as const;
export type WhoKind = (typeof whoKinds)[number];

export const groupNames = ['proxies', 'resolvers', 'friends'] as const;
export const projects = ['app', 'shop', 'infra'] as const;
export const services = ['web', 'db', 'worker'] as const;
export const loners = ['portainer', 'legacy-1', 'legacy-2'] as const;

const pick = <Value>(...values: readonly Value[]) => fc.constantFrom(...values);

const texts: Readonly<Record<Exclude<WhoKind, 'group'>, fc.Arbitrary<string>>> = {
  address4: pick('192.168.100.1', '192.168.5.5', '10.9.9.9', '8.8.8.8', '172.22.0.3', '192.168.1.2', '239.1.2.3'),
  address6: pick('[2001:4860::8]', '[fd12::5]', '[2a01:4f8::2]', 'ff02::fb', '[fd00:20::3]'),
  prefix4: pick('192.168.0.0/16', '10.0.0.0/8', '172.16.0.0/12', '8.8.8.0/25', '0.0.0.0/0', '192.168.100.0/30'),
  prefix6: pick('2001:4860::/32', 'fd00::/8', '::/0', 'fe80::/10', 'ff00::/8'),
  service: pick(...services).map((name) => `service/${name}`),
  project: pick(...projects).map((name) => `project/${name}`),
  workload: fc.tuple(pick(...projects), pick(...services)).map(([project, service]) => `project/${project}/${service}`),
  'workload-pattern': pick('project/*', 'project/*/web', 'project/s*/d*', 'project/app/w*'),
  container: pick(...loners).map((name) => `container/${name}`),
  'container-pattern': pick('container/legacy-*', 'container/*'),
  network: pick('bridge', 'app_default', 'shop_default', 'shared').map((name) => `network/${name}`),
  any: fc.constant('any'),
  'same-project': fc.constant('same-project'),
  'same-network': fc.constant('same-network'),
  containers: fc.constant('containers'),
  host: fc.constant('host'),
  gateway: fc.constant('gateway'),
  dns: fc.constant('dns'),
  'cloud-metadata': fc.constant('cloud-metadata'),
  private: fc.constant('private'),
  internet: fc.constant('internet'),
  multicast: fc.constant('multicast'),
};

const layer4: fc.Arbitrary<Pick<Exclude<EntryDocument, string>, 'ports' | 'protocol'>> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({}) },
  {
    weight: 5,
    arbitrary: fc
      .uniqueArray(
        pick('80', '443/tcp', '53/udp', '8000-8100', '5000-5100/udp', '53/tcp+udp', '9/sctp', '3000', '22'),
        { minLength: 1, maxLength: 3 },
      )
      .map((ports) => ({ ports })),
  },
  {
    weight: 4,
    arbitrary: pick<string | number>('tcp', 'udp', 'icmp', 'sctp', 'gre', 'tcp+udp', 50, 1, 58, 255).map(
      (protocol) => ({ protocol }),
    ),
  },
);

/** Where an entry stands decides what it may say. */
export interface Place {
  readonly kinds: readonly WhoKind[];
  readonly groups: readonly string[];
}

export function entryDocument({ kinds, groups }: Place): fc.Arbitrary<EntryDocument> {
  const usable = groups.length > 0 ? kinds : kinds.filter((kind) => kind !== 'group');
  const kind = fc.oneof(...usable.map((one) => ({ weight: one === 'any' ? 1 : 4, arbitrary: fc.constant(one) })));
  return kind.chain((one): fc.Arbitrary<EntryDocument> => {
    // a group may have ports of its own, and dns has: saying them twice is an error
    if (one === 'group') return pick(...groups);
    if (one === 'dns') return fc.constant('dns');
    return fc.tuple(texts[one], layer4).map(([to, l4]) => ({ to, ...l4 }));
  });
}
