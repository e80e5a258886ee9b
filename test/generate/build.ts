import { type Address, addressOf, parseAddress } from '../../src/ip/address.ts';
import { setIncludes, setOfPrefixes } from '../../src/ip/address-set.ts';
import { type Prefix, prefixInterval, prefixOf } from '../../src/ip/prefix.ts';
import type {
  Container,
  Endpoint,
  HostAddress,
  Logging,
  Mount,
  Network,
  Powers,
  PublishedPort,
  World,
} from '../../src/world/world.ts';

/** A world in a few words. What is left out gets what an ordinary engine would give. */
export interface WorldSketch {
  readonly networks: readonly NetworkSketch[];
  readonly containers: readonly ContainerSketch[];
  /** Addresses of the host beyond its loopback and bridges, with prefix lengths. */
  readonly host?: readonly string[];
  readonly hostGateway?: readonly string[];
}

export interface NetworkSketch {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly driver?: string;
  readonly project?: string;
  readonly composeKey?: string;
  readonly internal?: boolean;
  readonly ipv6?: boolean;
  readonly options?: Readonly<Record<string, string>>;
  readonly routers?: readonly string[];
}

export interface ContainerSketch {
  readonly name: string;
  /** `PROJECT/SERVICE`. */
  readonly workload?: string;
  readonly on?: readonly string[];
  readonly mode?: 'host' | 'none' | `container:${string}`;
  readonly labels?: Readonly<Record<string, string>>;
  /** Whether its labels may be its image's. */
  readonly unproven?: boolean;
  /** `[ADDRESS:]HOST:CONTAINER/PROTOCOL`; IPv6 in brackets. */
  readonly published?: readonly string[];
  readonly resolvers?: readonly string[];
  readonly running?: boolean;
  readonly composeFiles?: readonly string[];
  readonly powers?: Partial<Powers>;
  readonly dropped?: readonly string[];
  readonly mounts?: readonly Mount[];
  readonly logging?: Logging;
  readonly imageLabels?: readonly string[];
  readonly lookupsFromHost?: true;
  /** Addresses that were asked for, each on the network whose subnet it is of. */
  readonly fixed?: readonly string[];
  /** What is missing of every endpoint. */
  readonly lacks?: 'port' | 'mac' | 'addresses';
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new TypeError(`not an address: ${text}`);
  return parsed;
}

export function buildWorld(sketch: WorldSketch): World {
  const networks = sketch.networks.map(buildNetwork);
  const byName = new Map(networks.map((network) => [network.name, network]));
  const next = new Map<string, bigint>();
  let endpoints = 0;
  const endpoint = (on: string, lacks: ContainerSketch['lacks']): Endpoint => {
    const network = byName.get(on);
    if (network === undefined) throw new TypeError(`no network ${on}`);
    const place = (next.get(on) ?? 1n) + 1n; // the first address is the gateway's
    next.set(on, place);
    endpoints++;
    return {
      network: network.id,
      addresses: lacks === 'addresses' ? [] : network.subnets.map((subnet) => inside(subnet, place)),
      mac: lacks === 'mac' ? null : `02:42:ac:00:${hex(endpoints >> 8, 2)}:${hex(endpoints & 255, 2)}`,
      port: lacks === 'port' ? null : { name: `veth${hex(endpoints, 7)}`, index: 1000 + endpoints },
    };
  };
  /** Of a container that does not run: the engine tells its networks alone. */
  const expected = (on: string): Endpoint => {
    const network = byName.get(on);
    if (network === undefined) throw new TypeError(`no network ${on}`);
    return { network: network.id, addresses: [], mac: null, port: null };
  };
  const idOf = (name: string) => hex(1 + sketch.containers.findIndex((one) => one.name === name), 64);
  const containers = sketch.containers.map((one): Container => {
    const [project = null, service = null] = one.workload?.split('/') ?? [];
    const running = one.running ?? true;
    return {
      id: idOf(one.name),
      name: one.name,
      image: 'image',
      running,
      pid: running ? 4000 : null,
      project,
      service,
      ...(one.unproven === true ? { unproven: true as const } : {}),
      labels: new Map(Object.entries(one.labels ?? {})),
      composeFiles: one.composeFiles ?? [],
      networkMode: modeOf(one.mode, idOf),
      endpoints: (one.on ?? [])
        .map((on) => (running ? endpoint(on, one.lacks) : expected(on)))
        .map((made) => chosen(made, one.fixed ?? [], networks)),
      published: (one.published ?? []).map(parsePublished),
      resolvers: (one.resolvers ?? []).map(address),
      ...(one.lookupsFromHost === undefined ? {} : { lookupsFromHost: one.lookupsFromHost }),
      ...(one.powers === undefined ? {} : { powers: { ...ordinary, ...one.powers } }),
      ...(one.dropped === undefined ? {} : { dropped: one.dropped }),
      ...(one.mounts === undefined ? {} : { mounts: one.mounts }),
      ...(one.logging === undefined ? {} : { logging: one.logging }),
      ...(one.imageLabels === undefined ? {} : { imageLabels: one.imageLabels }),
    };
  });
  return {
    engine: { version: '28.5.2', apiVersion: '1.51', hostGateway: (sketch.hostGateway ?? []).map(address) },
    host: { name: 'host', addresses: hostAddresses(sketch, networks), bridgeNetfilter: { ip: true, ip6: true } },
    networks,
    containers,
  };
}

/** An endpoint with those of the addresses that are of its network's subnets. */
function chosen(endpoint: Endpoint, texts: readonly string[], networks: readonly Network[]): Endpoint {
  const subnets = networks.find(({ id }) => id === endpoint.network)?.subnets ?? [];
  const fixed = texts.map(address).filter((one) => setIncludes(setOfPrefixes(subnets), one));
  if (fixed.length === 0) return endpoint;
  const families = new Set(fixed.map(({ family }) => family));
  const rest = endpoint.addresses.filter(({ family }) => !families.has(family));
  return { ...endpoint, fixed, addresses: endpoint.addresses.length === 0 ? [] : [...fixed, ...rest] };
}

function buildNetwork(sketch: NetworkSketch, at: number): Network {
  const driver = sketch.driver ?? 'bridge';
  const subnets = sketch.subnets.map(prefixOf);
  const id = hex(0xabc000 + at, 64);
  return {
    id,
    name: sketch.name,
    driver,
    bridge:
      driver === 'bridge'
        ? {
            name: sketch.name === 'bridge' ? 'docker0' : `br-${id.slice(-12)}`,
            index: 10 + at,
            mac: `02:42:00:00:00:${hex(10 + at, 2)}`,
          }
        : null,
    subnets,
    gateways: driver === 'bridge' ? subnets.map((subnet) => inside(subnet, 1n)) : [],
    internal: sketch.internal ?? false,
    ...(sketch.ipv6 === undefined ? {} : { ipv6: sketch.ipv6 }),
    ...(sketch.routers === undefined ? {} : { routers: sketch.routers.map(address) }),
    ...(sketch.options === undefined ? {} : { options: new Map(Object.entries(sketch.options)) }),
    project: sketch.project ?? null,
    composeKey: sketch.composeKey ?? null,
  };
}

function hostAddresses(sketch: WorldSketch, networks: readonly Network[]): readonly HostAddress[] {
  const own = ['127.0.0.1/8', '::1/128', ...(sketch.host ?? [])].map((text): HostAddress => {
    const [ip = '', length = ''] = text.split('/');
    return {
      interface: ip.startsWith('127') || ip === '::1' ? 'lo' : 'eth0',
      address: address(ip),
      length: Number(length),
    };
  });
  const ofBridges = networks.flatMap(({ bridge, gateways, subnets }) =>
    bridge === null
      ? []
      : gateways.map((gateway, at) => ({
          interface: bridge.name,
          address: gateway,
          length: (subnets[at] as Prefix).length,
        })),
  );
  return [...own, ...ofBridges];
}

function inside(subnet: Prefix, place: bigint): Address {
  return addressOf(subnet.address.family, prefixInterval(subnet).low + place);
}

function modeOf(mode: ContainerSketch['mode'], idOf: (name: string) => string): Container['networkMode'] {
  if (mode === undefined) return { kind: 'networks' };
  if (mode === 'host' || mode === 'none') return { kind: mode };
  return { kind: 'container', container: idOf(mode.slice('container:'.length)) };
}

function parsePublished(text: string): PublishedPort {
  const parts =
    /^(?:(?:\[(?<v6>[^\]]+)\]|(?<v4>[0-9.]+)):)?(?<host>\d+):(?<container>\d+)\/(?<protocol>tcp|udp|sctp)$/.exec(text);
  if (parts?.groups === undefined) throw new TypeError(`not a published port: ${text}`);
  const { v6, v4, host, container, protocol } = parts.groups;
  return {
    protocol: protocol as PublishedPort['protocol'],
    hostAddress: v6 === undefined && v4 === undefined ? null : address(v6 ?? v4 ?? ''),
    hostPort: Number(host),
    containerPort: Number(container),
  };
}

const ordinary: Powers = { privileged: false, capabilities: [], engineSockets: [], hostUsers: false };

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
