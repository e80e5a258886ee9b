import { type Address, addressOf } from '../ip/address.ts';
import { type AddressSet, setOfPrefixes } from '../ip/address-set.ts';
import { prefixOf } from '../ip/prefix.ts';
import type { Policy } from '../policy/model.ts';
import type { Container, Endpoint, Network, World } from '../world/world.ts';
import { mentionsOf } from './mentions.ts';

/**
 * Address space that no policy means: class E (RFC 1112 section 4) and a /16 of what IANA has not handed out. In it live
 * the stand-ins for everybody whom a policy tells apart, so that identities match themselves and nothing else.
 */
export const syntheticSpace: AddressSet = setOfPrefixes(
  ['240.0.0.0/5', '248.0.0.0/6', '252.0.0.0/7', '254.0.0.0/8', '5ade::/16'].map(prefixOf),
);

const v4 = (value: number): Address => addressOf(4, 0xf000_0000n + BigInt(value));
const v6 = (value: number): Address => addressOf(6, (0x5aden << 112n) + BigInt(value));
const both = (value: number): readonly Address[] => [v4(value), v6(value)];

/** What `host.docker.internal` means; offset of 254.0.0.0 in the space. Stand-in networks lie below. */
const gatewayOfHost = 0x0e00_0000;
const otherOfHost = gatewayOfHost + 1;
const resolver = gatewayOfHost + 2;

interface NetworkPlan {
  readonly name: string;
  readonly project: string | null;
  readonly composeKey: string | null;
}

interface ContainerPlan {
  readonly name: string;
  readonly project: string | null;
  readonly service: string | null;
  readonly on: readonly NetworkPlan[];
}

/**
 * A world in which everybody runs whom a policy or its tests name, and a stranger of each sort: one container per
 * workload, on the default network of its project and on those networks that its compose file has a block for.
 *
 * @throws RangeError when a policy names more workloads than the space has addresses (some hundred million)
 */
export function symbolicWorld(policy: Policy): World {
  const plans = planContainers(policy);
  const planned = new Map<string, NetworkPlan>();
  for (const network of plans.flatMap(({ on }) => on))
    if (!planned.has(network.name)) planned.set(network.name, network);
  const members = new Map<string, number>();
  for (const { on } of plans) for (const { name } of on) members.set(name, (members.get(name) ?? 0) + 1);

  const networks = new Map<string, { readonly network: Network; next: number }>();
  let free = 0;
  for (const plan of planned.values()) {
    const bits = Math.ceil(Math.log2((members.get(plan.name) ?? 0) + 3)); // network, gateway and broadcast are three
    const base = Math.ceil(free / 2 ** bits) * 2 ** bits;
    free = base + 2 ** bits;
    if (free > gatewayOfHost) throw new RangeError('the policy names more workloads than can be checked');
    networks.set(plan.name, { network: networkOf(plan, networks.size + 1, base, bits), next: base + 2 });
  }
  let endpoints = 0;
  const containers = plans.map((plan, index) =>
    containerOf(
      plan,
      index + 1,
      plan.on.map(({ name }): Endpoint => {
        const place = networks.get(name) as { readonly network: Network; next: number };
        endpoints++;
        return endpointOf(place.network, place.next++, endpoints);
      }),
    ),
  );
  return {
    engine: { version: '', apiVersion: '', hostGateway: both(gatewayOfHost) },
    host: {
      name: '',
      addresses: [...both(gatewayOfHost), ...both(otherOfHost)].map((address) => ({
        interface: 'eth0',
        address,
        length: address.family === 4 ? 32 : 128,
      })),
      bridgeNetfilter: null,
    },
    networks: [...networks.values()].map(({ network }) => network),
    containers,
  };
}

function planContainers(policy: Policy): readonly ContainerPlan[] {
  const { services, containers, networks } = mentionsOf(policy);
  const outside = (name: string, on: string): ContainerPlan => ({
    name,
    project: null,
    service: null,
    on: [{ name: on, project: null, composeKey: null }],
  });
  const composed = services.map(({ project, service }): ContainerPlan => {
    const own: NetworkPlan[] = [{ name: `${project}_default`, project, composeKey: 'default' }];
    for (const file of policy.compose)
      if (file.project === project)
        for (const [composeKey, { engineName }] of file.networks)
          if (own.every(({ name }) => name !== engineName)) own.push({ name: engineName, project, composeKey });
    return { name: `${project}-${service}-1`, project, service, on: own };
  });
  return [
    ...composed,
    ...containers.map((name) => outside(name, 'bridge')),
    ...networks.map((name) => outside(`stranger on ${name}`, name)),
  ];
}

function networkOf(plan: NetworkPlan, index: number, base: number, bits: number): Network {
  return {
    ...plan,
    id: `network ${index}`,
    driver: 'bridge',
    bridge: { name: `br-${index}`, index, mac: '02:00:00:00:00:00' },
    subnets: [
      { address: v4(base), length: 32 - bits },
      { address: v6(base), length: 128 - bits },
    ],
    gateways: both(base + 1),
    internal: false,
  };
}

function containerOf(
  { name, project, service }: ContainerPlan,
  index: number,
  endpoints: readonly Endpoint[],
): Container {
  return {
    id: `container ${index}`,
    name,
    image: '',
    running: true,
    pid: index,
    project,
    service,
    labels: new Map(),
    composeFiles: [],
    networkMode: { kind: 'networks' },
    endpoints,
    published: [],
    resolvers: both(resolver),
  };
}

function endpointOf(network: Network, value: number, index: number): Endpoint {
  const digits = index.toString(16).padStart(10, '0');
  return {
    network: network.id,
    addresses: both(value),
    mac: `02:${digits.match(/../g)?.join(':') ?? ''}`,
    port: { name: `veth${index}`, index },
  };
}
