import { formatAddress } from '../ip/address.ts';
import { formatPrefix } from '../ip/prefix.ts';
import { worldSchema } from './schema.ts';
import type { Container, Endpoint, Network, Powers, World } from './world.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Raised when the shape changes so that an older reader would misread it. */
const worldVersion = 1;

/** Why a value is no world. */
export interface WorldProblem {
  readonly kind: 'not-a-world';
  /** The offending field, such as `containers[3].endpoints[0].mac`; empty for the value as a whole. */
  readonly path: string;
  readonly message: string;
}

/**
 * The world as JSON: addresses and prefixes as text, labels as an object, everything without an order of its own
 * sorted, so that equal worlds give equal text.
 */
export function encodeWorld(world: World): JsonValue {
  const { engine, host } = world;
  return {
    version: worldVersion,
    engine: {
      version: engine.version,
      apiVersion: engine.apiVersion,
      hostGateway: engine.hostGateway.map(formatAddress),
    },
    host: {
      name: host.name,
      addresses: sorted(
        host.addresses.map(({ interface: name, address, length }) => ({
          interface: name,
          address: formatAddress(address),
          length,
        })),
      ),
      bridgeNetfilter:
        host.bridgeNetfilter === null ? null : { ip: host.bridgeNetfilter.ip, ip6: host.bridgeNetfilter.ip6 },
      ...(host.bridges === undefined ? {} : { bridges: host.bridges.toSorted() }),
    },
    networks: byNameAndId(world.networks).map(encodeNetwork),
    containers: byNameAndId(world.containers).map(encodeContainer),
    ...(world.unidentified === undefined
      ? {}
      : { unidentified: byNameAndId(world.unidentified).map(({ id, name, reason }) => ({ id, name, reason })) }),
  };
}

/** Reads what {@link encodeWorld} made. A field too many, too few or of another shape is a problem, never guessed at. */
export function decodeWorld(value: unknown): World | WorldProblem {
  const result = worldSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  return { kind: 'not-a-world', path: formatPath(issue?.path ?? []), message: issue?.message ?? 'not a world' };
}

/** True for the result of {@link decodeWorld} that is a problem. */
export function isWorldProblem(result: World | WorldProblem): result is WorldProblem {
  return 'kind' in result;
}

function encodeNetwork(network: Network): JsonValue {
  const { id, name, driver, bridge, internal, project, composeKey } = network;
  return {
    id,
    name,
    driver,
    bridge:
      bridge === null
        ? null
        : {
            name: bridge.name,
            index: bridge.index,
            mac: bridge.mac,
            ...(bridge.foreignPorts && { foreignPorts: bridge.foreignPorts.toSorted() }),
          },
    ...(network.oddBridge && { oddBridge: { name: network.oddBridge.name, index: network.oddBridge.index } }),
    subnets: network.subnets.map(formatPrefix).toSorted(),
    gateways: network.gateways.map(formatAddress).toSorted(),
    internal,
    ...(network.ipv6 === undefined ? {} : { ipv6: network.ipv6 }),
    ...(network.routers === undefined ? {} : { routers: network.routers.map(formatAddress).toSorted() }),
    ...(network.options === undefined ? {} : { options: textsOf(network.options) }),
    project,
    composeKey,
  };
}

function textsOf(texts: ReadonlyMap<string, string>): { readonly [key: string]: string } {
  return Object.fromEntries([...texts].toSorted(([a], [b]) => compare(a, b)));
}

function encodeContainer(container: Container): JsonValue {
  const { id, name, image, running, pid, project, service, composeFiles, networkMode } = container;
  return {
    id,
    name,
    image,
    running,
    pid,
    project,
    service,
    labels: textsOf(container.labels),
    composeFiles,
    networkMode:
      networkMode.kind === 'container'
        ? { kind: networkMode.kind, container: networkMode.container }
        : { kind: networkMode.kind },
    endpoints: container.endpoints.map(encodeEndpoint),
    published: sorted(
      container.published.map(({ protocol, hostAddress, hostPort, containerPort }) => ({
        protocol,
        hostAddress: hostAddress === null ? null : formatAddress(hostAddress),
        hostPort,
        containerPort,
      })),
    ),
    ...(container.routed === undefined
      ? {}
      : {
          routed: sorted(
            container.routed.map(({ protocol, family, containerPort }) => ({ protocol, family, containerPort })),
          ),
        }),
    resolvers: container.resolvers.map(formatAddress),
    ...(container.lookupsFromHost === undefined ? {} : { lookupsFromHost: container.lookupsFromHost }),
    ...(container.powers === undefined ? {} : { powers: encodePowers(container.powers) }),
    ...(container.dropped === undefined ? {} : { dropped: container.dropped.toSorted() }),
    ...(container.mounts === undefined ? {} : { mounts: sorted(container.mounts.map((mount) => ({ ...mount }))) }),
    ...(container.logging === undefined ? {} : { logging: { ...container.logging } }),
    ...(container.unproven === undefined ? {} : { unproven: container.unproven }),
    ...(container.imageLabels === undefined ? {} : { imageLabels: container.imageLabels.toSorted() }),
  };
}

function encodePowers({ hostProcesses, processesOf, mapped, ...powers }: Powers): JsonValue {
  return {
    ...powers,
    ...(hostProcesses === undefined ? {} : { hostProcesses }),
    ...(processesOf === undefined ? {} : { processesOf }),
    ...(mapped === undefined ? {} : { mapped }),
  };
}

function encodeEndpoint({ network, addresses, fixed, mac, port }: Endpoint): JsonValue {
  return {
    network,
    addresses: addresses.map(formatAddress),
    ...(fixed && { fixed: fixed.map(formatAddress) }),
    mac,
    port: port === null ? null : { name: port.name, index: port.index },
  };
}

/** By UTF-16 code units: the same on every machine, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function byNameAndId<T extends { readonly id: string; readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => compare(a.name, b.name) || compare(a.id, b.id));
}

function sorted<T extends JsonValue>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => compare(JSON.stringify(a), JSON.stringify(b)));
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) =>
      typeof part === 'number'
        ? `[${part}]`
        : /^\w+$/.test(String(part))
          ? `.${String(part)}`
          : `[${JSON.stringify(String(part))}]`,
    )
    .join('')
    .replace(/^\./, '');
}
