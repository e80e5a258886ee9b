import fc from 'fast-check';
import type { Endpoint, World } from '../../src/world/world.ts';
import type { ContainerSketch, NetworkSketch, WorldSketch } from './build.ts';
import { loners, projects, services } from './entries.ts';

/** Networks that a host of ours can really have: bridges, some with IPv6, none overlapping. */
const networks: readonly NetworkSketch[] = [
  { name: 'bridge', subnets: ['172.17.0.0/16'] },
  { name: 'app_default', subnets: ['172.20.0.0/16', 'fd00:20::/64'], project: 'app', composeKey: 'default' },
  { name: 'app_back', subnets: ['172.21.0.0/24'], project: 'app', composeKey: 'back' },
  { name: 'shop_default', subnets: ['172.22.0.0/16', '2a05:d000:22::/64'], project: 'shop', composeKey: 'default' },
  { name: 'shared', subnets: ['10.77.0.0/24'] },
];

const published = fc
  .uniqueArray(fc.nat(40), { maxLength: 2 })
  .chain((ports) =>
    fc.tuple(
      ...ports.map((port) =>
        fc
          .tuple(
            fc.constantFrom('', '192.168.1.2:', '0.0.0.0:', '[::]:', '127.0.0.1:'),
            fc.constantFrom('80', '443', '3000', '53', '5000'),
            fc.constantFrom('tcp', 'tcp', 'udp', 'sctp'),
          )
          .map(([bound, inside, protocol]) => ({ bound, port, inside, protocol })),
      ),
    ),
  );

const labels: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Readonly<Record<string, string>>>(
      { 'sluice.allow': 'internet:443 dns' },
      { 'sluice.allow': 'inherit', 'sluice.deny': '192.168.0.0/16' },
      { 'sluice.allow': 'any', 'sluice.mode': 'audit' },
      { 'sluice.allow': 'none' },
      { 'sluice.mode': 'enforce' },
      { 'sluice.allow': 'no-such-group' },
    ),
  },
);

const container = (name: string, workload?: string): fc.Arbitrary<ContainerSketch> =>
  fc
    .record({
      on: fc.subarray(
        networks.map((network) => network.name),
        { minLength: 1, maxLength: 2 },
      ),
      ports: published,
      labels,
      resolvers: fc.constantFrom<readonly string[]>([], ['192.168.100.2'], ['192.168.1.2', '2001:4860::8']),
    })
    .map(({ on, ports, ...rest }) => ({
      name,
      ...(workload === undefined ? {} : { workload }),
      on,
      // host ports are the host's: each container takes them from a range of its own
      published: ports.map(({ bound, port, inside, protocol }) => `${bound}${base(name) + port}:${inside}/${protocol}`),
      ...rest,
    }));

const everyName = [...projects.flatMap((project) => services.map((service) => `${project}-${service}-1`)), ...loners];

function base(name: string): number {
  return 3000 + 50 * everyName.indexOf(name);
}

/** What runs: two to eight containers, of Compose and outside it, on one or two networks each. */
export const worldSketch: fc.Arbitrary<WorldSketch> = fc
  .tuple(fc.subarray([...everyName], { minLength: 2, maxLength: 8 }), fc.boolean())
  .chain(([names, shares]) =>
    fc
      .tuple(
        ...names.map((name) => {
          const [project, service] = name.endsWith('-1') && !name.startsWith('legacy') ? name.split('-') : [];
          return container(name, project === undefined ? undefined : `${project}/${service}`);
        }),
      )
      .map((containers): WorldSketch => {
        const [owner] = containers;
        const sharer: ContainerSketch[] =
          shares && owner !== undefined
            ? [
                {
                  name: 'sharer',
                  mode: `container:${owner.name}`,
                  ...(owner.workload === undefined ? {} : { workload: owner.workload }),
                },
              ]
            : [];
        return {
          networks,
          containers: [...containers, ...sharer],
          host: ['192.168.1.2/24', '2a01:4f8::2/64'],
          hostGateway: ['172.17.0.1'],
        };
      }),
  );

/** The same world while a container does not run. */
export function withStopped(world: World, id: string): World {
  const expected = ({ network }: Endpoint): Endpoint => ({ network, addresses: [], mac: null, port: null });
  return {
    ...world,
    containers: world.containers.map((one) =>
      one.id === id ? { ...one, running: false, pid: null, endpoints: one.endpoints.map(expected) } : one,
    ),
  };
}
