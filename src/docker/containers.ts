import type { Nameserver } from '../host/resolv-conf.ts';
import { type Address, formatAddress } from '../ip/address.ts';
import type { Container, Endpoint, NetworkMode, PublishedPort, RoutedPort, Unidentified } from '../world/world.ts';
import type {
  Attachment,
  ContainerDetails,
  ContainerSummary,
  ImageDetails,
  NetworkDetails,
  PortBinding,
  UnreadableContainer,
} from './engine-api.ts';
import { type Identity, identify } from './identity.ts';
import { defaultNetwork, type NetworkIndex } from './networks.ts';
import { asksFromHost, type ResolverInput, resolversOf } from './resolvers.ts';
import type { Rights } from './rights.ts';
import type { Veths } from './veth.ts';

/** What the engine says of one container: all of it, or what its list says. */
export type Seen =
  | { readonly kind: 'details'; readonly details: ContainerDetails }
  | { readonly kind: 'summary'; readonly details: ContainerSummary };

export interface ContainersInput {
  readonly seen: readonly Seen[];
  /** Containers of which the engine's list says more than is read. */
  readonly unread: readonly UnreadableContainer[];
  /** By image id. */
  readonly images: ReadonlyMap<string, ImageDetails>;
  /** Ids of images of which nothing will be known. */
  readonly unreadable: ReadonlySet<string>;
  readonly networks: NetworkIndex;
  /** Index of each network's bridge by network id; null where it has none. */
  readonly bridges: ReadonlyMap<string, number | null>;
  readonly veths: Veths;
  /** The id by which links name the namespace of a running container; null when it has none. */
  readonly netnsIdOf: (container: ContainerDetails) => number | null;
  /** Whether a process is in a user namespace other than ours. */
  readonly isMapped: (pid: number) => boolean;
  readonly engineMajor: number;
  readonly engineDns: readonly Address[];
  readonly hostNameservers: readonly Nameserver[];
}

/** For an image of which nothing is known: every label might be its own. */
const nothingSaid: ImageDetails = { labels: new Map() };

/** The containers as the world has them, sorted by name; and those of whom nothing can be said. */
export function buildContainers(input: ContainersInput): {
  readonly containers: readonly Container[];
  readonly unidentified: readonly Unidentified[];
} {
  const unidentified: Unidentified[] = input.unread.map(({ id, name }) => ({
    id,
    name,
    reason: 'the engine says more of it than is read, so nobody knows whose it is',
  }));
  const containers = input.seen.flatMap((seen) => {
    const { id, name, imageId } = seen.details;
    const image = input.images.get(imageId);
    if (image !== undefined) return [buildContainer(input, seen, image)];
    const unproven = input.unreadable.has(imageId)
      ? [{ ...buildContainer(input, seen, nothingSaid), unproven: true as const }]
      : []; // not answered yet
    unidentified.push({
      id,
      name,
      reason: `image ${imageId.slice(0, 19)} cannot be read, so its labels prove nothing`,
    });
    return unproven;
  });
  const details = new Map(input.seen.map((seen) => [seen.details.id, seen.details]));
  const settled = withoutSharedPorts(withSharedResolvers(containers));
  return {
    containers: byName(settled.map((container) => asBefore(container, details.get(container.id)))),
    unidentified: byName(unidentified),
  };
}

/** What was made last of each answer that is still held. */
const built = new WeakMap<ContainerSummary, Container>();

/** The very object of the time before, where it says the same: whoever has worked something out of it need not again. */
function asBefore(container: Container, details: ContainerSummary | undefined): Container {
  if (details === undefined) return container;
  const before = built.get(details);
  if (before !== undefined && isSame(before, container)) return before;
  built.set(details, container);
  return container;
}

/** Of one answer: labels and ports are the same objects where they are the same. */
function isSame(a: Container, b: Container): boolean {
  return (
    a.pid === b.pid &&
    a.labels === b.labels &&
    a.composeFiles === b.composeFiles &&
    a.published === b.published &&
    a.routed === b.routed &&
    a.project === b.project &&
    a.unproven === b.unproven &&
    a.service === b.service &&
    JSON.stringify(a.networkMode) === JSON.stringify(b.networkMode) &&
    isSameList(a.resolvers, b.resolvers, isSameAddress) &&
    isSameList(a.endpoints, b.endpoints, isSameEndpoint)
  );
}

function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return (
    a.network === b.network &&
    a.mac === b.mac &&
    a.port?.index === b.port?.index &&
    a.port?.name === b.port?.name &&
    isSameList(a.addresses, b.addresses, isSameAddress)
  );
}

const isSameAddress = (a: Address, b: Address): boolean => a.value === b.value && a.family === b.family;

function isSameList<Item>(a: readonly Item[], b: readonly Item[], isAlike: (a: Item, b: Item) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((item, at) => isAlike(item, b[at] as Item)));
}

/** Who shares a namespace shares its resolv.conf. */
function withSharedResolvers(containers: readonly Container[]): readonly Container[] {
  const byId = new Map(containers.map((one) => [one.id, one]));
  return containers.map((container) => {
    if (container.networkMode.kind !== 'container') return container;
    const owner = byId.get(container.networkMode.container);
    return {
      ...container,
      resolvers: owner?.resolvers ?? [],
      ...(owner?.lookupsFromHost === true ? { lookupsFromHost: true } : {}),
    };
  });
}

function buildContainer(input: ContainersInput, seen: Seen, image: ImageDetails): Container {
  const { details } = seen;
  const { attached, said } = ownPart(input, seen, image);
  const networkMode = parseNetworkMode(details, attached.length > 0, input.seen);
  const endpoints = networkMode.kind === 'networks' ? attached.map((one) => buildEndpoint(input, seen, one)) : [];
  const lookups: ResolverInput = {
    engineMajor: input.engineMajor,
    networks:
      endpoints.length === 0 ? 'none' : attached.every(({ network }) => isDefault(network)) ? 'default' : 'user',
    ipv6: endpoints.some(({ addresses }) => addresses.some(({ family }) => family === 6)),
    own: seen.kind === 'details' ? seen.details.dns : [],
    engine: input.engineDns,
    host: input.hostNameservers,
  };
  // the engine forwards nothing for who has internal networks alone (moby, sandbox.go, hasExternalAccess)
  const external = attached.some(({ network }) => !network.internal);
  const fromHost = seen.kind === 'details' && external && asksFromHost(lookups);
  return {
    id: details.id,
    name: details.name,
    image: details.image,
    running: details.running,
    pid: seen.kind === 'details' ? seen.details.pid : null,
    ...said,
    networkMode,
    endpoints,
    resolvers: resolversOf(lookups),
    ...(fromHost ? { lookupsFromHost: true } : {}),
  };
}

/** What the engine's answers say by themselves of a container. */
interface OwnPart {
  readonly attached: readonly Attached[];
  readonly said: Pick<Container, 'published' | 'routed'> & Identity & Rights;
}

/** The last own part for each answer that is still held, and what else it was worked out with. */
const ownParts = new WeakMap<
  ContainerSummary,
  { readonly image: ImageDetails; readonly networks: NetworkIndex; readonly part: OwnPart }
>();

/** Worked out once for each answer: of 1,000 containers all but one are as they were at the last reading. */
function ownPart({ networks, isMapped }: ContainersInput, seen: Seen, image: ImageDetails): OwnPart {
  const { details } = seen;
  const before = ownParts.get(details);
  if (before?.image === image && before.networks === networks) return before.part;
  const said = {
    ...identify(details.labels, image.labels),
    published: seen.kind === 'details' ? publishedPorts(seen.details.bindings) : [],
    ...(seen.kind === 'details' ? routedPorts(seen.details.routed ?? []) : {}),
    ...(seen.kind === 'details' ? givenRights(withMapping(seen.details, isMapped)) : {}),
  };
  const part = { attached: attachedNetworks(details, networks), said };
  ownParts.set(details, { image, networks, part });
  return part;
}

function givenRights({ powers, dropped, mounts, logging }: Rights): Rights {
  return {
    ...(powers === undefined ? {} : { powers }),
    ...(dropped === undefined ? {} : { dropped }),
    ...(mounts === undefined ? {} : { mounts }),
    ...(logging === undefined ? {} : { logging }),
  };
}

/** Whether its users are the host's is asked where it has powers alone, which count for less if they are not. */
function withMapping(details: ContainerDetails, isMapped: ContainersInput['isMapped']): Rights {
  const { powers, pid } = details;
  if (powers === undefined || pid === null || !isMapped(pid)) return details;
  return { ...details, powers: { ...powers, mapped: true } };
}

interface Attached {
  readonly attachment: Attachment;
  readonly network: NetworkDetails;
}

/**
 * The networks a container is on or will join, by name, each once; `host` and `none` are no networks in this sense. One that was made
 * with other words for a network than its name may list it under both, of which one attachment is the real one.
 */
export function attachedNetworks(summary: ContainerSummary, networks: NetworkIndex): readonly Attached[] {
  const found = new Map<string, Attached>();
  for (const attachment of attachmentsOf(summary)) {
    const network = findNetwork(attachment, networks);
    if (network === undefined || network.driver === 'host' || network.driver === 'null') continue;
    const before = found.get(network.id);
    if (before === undefined || before.attachment.endpoint === '') found.set(network.id, { attachment, network });
  }
  return [...found.values()].toSorted((a, b) => (a.network.name < b.network.name ? -1 : 1));
}

/**
 * A container that starts without any network joins that of its mode (moby, daemon/container_operations.go,
 * allocateNetwork). It has none for a moment after its creation, and where Compose 1.29 has taken it off its only one.
 */
function attachmentsOf({ attachments, running, networkMode }: ContainerSummary): readonly Attachment[] {
  if (running || attachments.length > 0 || networkMode.startsWith('container:')) return attachments;
  return [
    { name: networkMode === '' ? 'default' : networkMode, networkId: '', endpoint: '', addresses: [], mac: null },
  ];
}

/**
 * By id; a container that was never started may have only a name, an id as its name, the beginning of one that no other network's id
 * has (moby, daemon/network.go, FindNetwork), or `default`. The default network
 * has another id after each start of the engine, and a container that did not run then joins it all the same; of any
 * other network that is gone the engine refuses to start it, whatever has its name now (moby, daemon/container_operations.go,
 * getNetworkID; tried on 20.10, 26.1 and 28.5).
 */
function findNetwork({ name, networkId }: Attachment, networks: NetworkIndex): NetworkDetails | undefined {
  const byId = networks.byId.get(networkId === '' ? name : networkId);
  if (byId !== undefined) return byId;
  if (name === 'default' || name === defaultNetwork) return networks.byName.get(defaultNetwork);
  return networkId === '' ? (networks.byName.get(name) ?? beginningWith(name, networks)) : undefined;
}

function beginningWith(text: string, { byId }: NetworkIndex): NetworkDetails | undefined {
  if (!/^[0-9a-f]+$/.test(text)) return undefined;
  const [network, ...more] = [...byId].flatMap(([id, one]) => (id.startsWith(text) ? [one] : []));
  return more.length === 0 ? network : undefined;
}

function isDefault({ name, driver }: NetworkDetails): boolean {
  return name === defaultNetwork && driver === 'bridge';
}

/** A container of mode `none` that was joined to a network later is on that network, whatever its mode says. */
function parseNetworkMode({ networkMode }: ContainerSummary, attached: boolean, all: readonly Seen[]): NetworkMode {
  if (networkMode === 'host') return { kind: 'host' };
  if (networkMode === 'none' && !attached) return { kind: 'none' };
  if (!networkMode.startsWith('container:')) return { kind: 'networks' };
  const wanted = networkMode.slice('container:'.length);
  const target = all.find(({ details }) => details.id === wanted) ?? all.find(({ details }) => details.name === wanted);
  return { kind: 'container', container: target?.details.id ?? wanted };
}

function buildEndpoint(input: ContainersInput, seen: Seen, { attachment, network }: Attached): Endpoint {
  const chosen = seen.kind === 'details' ? seen.details.fixed?.get(attachment.name) : undefined;
  const fixed = chosen === undefined ? {} : { fixed: chosen };
  if (seen.kind === 'summary' || !seen.details.running)
    return { network: network.id, addresses: [], ...fixed, mac: null, port: null };
  const bridge = input.bridges.get(network.id) ?? null;
  return {
    network: network.id,
    addresses: attachment.addresses,
    ...fixed,
    mac: attachment.mac,
    port: bridge === null ? null : input.veths.port(bridge, input.netnsIdOf(seen.details)),
  };
}

/**
 * No two containers have the same port of a bridge. Where two would (the process id of one that ended was given to
 * another's process while we looked), neither is proven to.
 */
function withoutSharedPorts(containers: readonly Container[]): readonly Container[] {
  const uses = new Map<number, number>();
  for (const { port } of containers.flatMap(({ endpoints }) => endpoints))
    if (port !== null) uses.set(port.index, (uses.get(port.index) ?? 0) + 1);
  const isShared = ({ port }: Endpoint) => port !== null && (uses.get(port.index) ?? 0) > 1;
  return containers.map((container) =>
    container.endpoints.some(isShared)
      ? { ...container, endpoints: container.endpoints.map((one) => (isShared(one) ? { ...one, port: null } : one)) }
      : container,
  );
}

/** Each port once, sorted: engines list a port for IPv4 and IPv6 apart, and some list it twice. */
function publishedPorts(bindings: readonly PortBinding[]): readonly PublishedPort[] {
  const byKey = new Map(
    bindings.map(({ protocol, containerPort, hostAddress, hostPort }) => {
      const address = hostAddress === null ? '' : formatAddress(hostAddress);
      const key = [protocol, String(containerPort).padStart(5, '0'), String(hostPort).padStart(5, '0'), address].join(
        ' ',
      );
      return [key, { protocol, hostAddress, hostPort, containerPort }];
    }),
  );
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port);
}

/** Each port once per family, sorted; nothing at all where there is none. */
function routedPorts(ports: readonly RoutedPort[]): { readonly routed?: readonly RoutedPort[] } {
  if (ports.length === 0) return {};
  const key = ({ protocol, family, containerPort }: RoutedPort) =>
    [protocol, family, String(containerPort).padStart(5, '0')].join(' ');
  const byKey = new Map(ports.map((port) => [key(port), port]));
  return { routed: [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, port]) => port) };
}

function byName<T extends { readonly id: string; readonly name: string }>(items: readonly T[]): readonly T[] {
  return items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1));
}
