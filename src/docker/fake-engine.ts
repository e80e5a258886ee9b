import { createHash } from 'node:crypto';
import type { FakeKernel } from '../host/fake-kernel.ts';
import { addressOf } from '../ip/address.ts';
import { prefixOf } from '../ip/prefix.ts';
import type {
  Attachment,
  ContainerDetails,
  ContainerList,
  EngineApi,
  EngineInfo,
  EngineVersion,
  ImageDetails,
  Inspected,
  NetworkDetails,
  NetworkList,
  PortBinding,
  VolumeDetails,
} from './engine-api.ts';
import { EngineError } from './engine-error.ts';
import type { EngineEvent, Following, OnNotice } from './events.ts';
import { defaultNetwork } from './networks.ts';

/** An event without its time. */
type Told = EngineEvent extends infer E ? (E extends EngineEvent ? Omit<E, 'at'> : never) : never;

/** What `docker run` is told. */
export interface FakeContainerOptions {
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Names of networks; `bridge` unless told. */
  readonly networks?: readonly string[];
  /** `host`, `none` or `container:ID`, in place of networks. */
  readonly mode?: string | undefined;
  readonly bindings?: readonly PortBinding[];
}

interface FakeContainer extends FakeContainerOptions {
  readonly id: string;
  name: string;
  pid: number | null;
  attachments: readonly Attachment[];
}

const bridgeName = 'com.docker.network.bridge.name';

/**
 * An engine in memory, on a host in memory: a container gets its addresses, its process and its veths at start and
 * loses them at stop, labels of its image are its own too, ids are as long as real ones, and what it does it tells those
 * who follow its events, as real ones do: nothing of a network that a stopped container is connected to.
 */
export class FakeEngine implements EngineApi {
  readonly #kernel: FakeKernel;
  readonly #networks = new Map<string, NetworkDetails>();
  readonly #followers = new Set<OnNotice>();
  /** Names of veths by endpoint. */
  readonly #veths = new Map<string, string>();
  readonly #held = new Map<string, Promise<void>>();
  readonly #heldLists = new Map<string, Promise<void>>();
  #away: string | undefined;
  readonly #images = new Map<string, ImageDetails>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #locked = new Set<string>();
  #counter = 0;
  #clock = 0n;
  /** Settings a test may change at will. */
  release: EngineVersion = { version: '28.5.2', apiVersion: '1.51' };
  /** Called before each inspect of a container: the place to let things happen while somebody looks. */
  beforeInspect: (name: string) => void = () => {};
  /** Whether its events get lost, silently. */
  mute = false;
  /** How often it was asked, by call. */
  readonly asked = { version: 0, containers: 0, container: 0, networks: 0, image: 0 };
  /** How often for all containers, of those times. */
  readonly wholeLists = { containers: 0, networks: 0 };
  /** Length of an entry in its lists, as it says. */
  bytesEach = 1_500;
  /** Ids of containers of which the list says more than is read. */
  readonly unreadable = new Set<string>();

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
    this.addImage('app', {});
    this.addNetwork(defaultNetwork, '172.17.0.0/16', { options: { [bridgeName]: 'docker0' } });
  }

  addImage(name: string, labels: Readonly<Record<string, string>>): void {
    this.#images.set(name, { labels: new Map(Object.entries(labels)) });
  }

  removeImage(name: string): void {
    this.#images.delete(name);
  }

  /** A bridge network with one IPv4 subnet; returns its id. */
  addNetwork(
    name: string,
    subnet: string,
    {
      driver = 'bridge',
      options = {},
      labels = {},
    }: { driver?: string; options?: Record<string, string>; labels?: Record<string, string> } = {},
  ): string {
    const id = this.#id(`network ${name}`);
    const prefix = prefixOf(subnet);
    this.#networks.set(id, {
      id,
      name,
      driver,
      internal: false,
      subnets: [prefix],
      options: new Map(Object.entries(options)),
      labels: new Map(Object.entries(labels)),
    });
    const gateway = subnet.replace(/\d+\/(\d+)$/, '1/$1');
    if (driver === 'bridge') this.#kernel.bridge(this.#bridgeOf(id), gateway);
    this.#tell({ kind: 'network', action: 'create', network: id, container: null });
    return id;
  }

  /** `docker network rm`; running containers must have left it. */
  removeNetwork(name: string): void {
    const { id, driver } = this.#network(name);
    if (driver === 'bridge') this.#kernel.remove(this.#bridgeOf(id));
    this.#networks.delete(id);
    this.#tell({ kind: 'network', action: 'destroy', network: id, container: null });
  }

  /** `docker create`; returns the id. */
  create(name: string, options: FakeContainerOptions = {}): string {
    this.#refuseTaken(name);
    const id = this.#id(`container ${name}`);
    const networks = options.mode === undefined ? (options.networks ?? [defaultNetwork]) : [];
    this.#containers.set(id, { ...options, id, name, pid: null, attachments: networks.map(detached) });
    this.#tell({ kind: 'container', action: 'create', container: id });
    return id;
  }

  /** `docker start`: process, addresses, veths. A network that is not the one it was joined to is refused. */
  start(id: string): void {
    const container = this.#container(id);
    if (container.pid !== null) return;
    const pid = 1000 + ++this.#counter;
    const { mode } = container;
    const lost = container.attachments.find(
      ({ name, networkId }) => networkId !== '' && name !== defaultNetwork && !this.#networks.has(networkId),
    );
    if (lost !== undefined) throw new TypeError(`network ${lost.networkId} not found`);
    for (const { name } of container.attachments) this.#network(name); // refused as a whole, before anything has changed
    this.#kernel.process(pid);
    if (mode?.startsWith('container:'))
      this.#kernel.share(pid, this.#container(mode.slice('container:'.length)).pid ?? 0);
    container.pid = pid;
    if (container.attachments.length === 0 && mode === undefined)
      container.attachments = [detached(container.networks?.[0] ?? defaultNetwork)];
    container.attachments = container.attachments.map(({ name }) => this.#attach(container.id, name, pid));
    this.#tell({ kind: 'container', action: 'start', container: container.id });
  }

  /** `docker run`; returns the id. */
  run(name: string, options: FakeContainerOptions = {}): string {
    const id = this.create(name, options);
    this.start(id);
    return id;
  }

  /** `docker stop`. */
  stop(id: string): void {
    const container = this.#container(id);
    if (container.pid === null) return;
    this.#kernel.exit(container.pid);
    container.pid = null;
    for (const { networkId } of container.attachments)
      this.#tell({ kind: 'network', action: 'disconnect', network: networkId, container: container.id });
    container.attachments = container.attachments.map((one) => ({ ...one, endpoint: '', addresses: [], mac: null }));
    this.#tell({ kind: 'container', action: 'die', container: container.id });
  }

  /** `docker rm -f`. */
  remove(id: string): void {
    const container = this.#container(id);
    this.stop(container.id);
    this.#containers.delete(container.id);
    this.#tell({ kind: 'container', action: 'destroy', container: container.id });
  }

  /** `docker rename`. */
  rename(id: string, name: string): void {
    const container = this.#container(id);
    this.#refuseTaken(name);
    container.name = name;
    this.#tell({ kind: 'container', action: 'rename', container: container.id });
  }

  /** `docker network connect`; of one that does not run nothing is told. */
  connect(network: string, id: string): void {
    const container = this.#container(id);
    const added = container.pid === null ? detached(network) : this.#attach(container.id, network, container.pid);
    container.attachments = [...container.attachments, added];
  }

  /** `docker network disconnect`; of one that does not run nothing is told. */
  disconnect(network: string, id: string): void {
    const container = this.#container(id);
    const leaves = container.attachments.find(({ name }) => name === network);
    if (leaves === undefined) throw new TypeError(`${id} is not on ${network}`);
    container.attachments = container.attachments.filter((one) => one !== leaves);
    if (container.pid === null) return;
    const veth = this.#veths.get(leaves.endpoint);
    if (veth !== undefined) this.#kernel.remove(veth);
    this.#tell({ kind: 'network', action: 'disconnect', network: leaves.networkId, container: container.id });
  }

  /** As `followEvents` of a real one; an end is told with its reason, and the connection after it at once. */
  follow(onNotice: OnNotice): Following {
    this.#followers.add(onNotice);
    if (this.#away === undefined) onNotice({ kind: 'connected' });
    else onNotice({ kind: 'gap', reason: this.#away });
    return { stop: () => void this.#followers.delete(onNotice) };
  }

  /** Ends the streams of events; those who follow connect again. */
  cut(reason = 'the engine hung up'): void {
    for (const onNotice of this.#followers) onNotice({ kind: 'gap', reason });
    if (this.#away === undefined) for (const onNotice of this.#followers) onNotice({ kind: 'connected' });
  }

  /** Is not there, and tells nobody what happens, until `comeBack`. */
  leave(reason = 'nobody listens'): void {
    this.#away = reason;
    this.cut(reason);
  }

  comeBack(): void {
    this.#away = undefined;
    for (const onNotice of this.#followers) onNotice({ kind: 'connected' });
  }

  /** `systemctl restart docker`: containers stop, and the default network gets another id. */
  restart(): void {
    for (const { id, pid } of this.#containers.values()) if (pid !== null) this.stop(id);
    this.leave();
    const before = this.#network(defaultNetwork);
    const id = this.#id(`network ${defaultNetwork}`);
    this.#networks.delete(before.id);
    this.#networks.set(id, { ...before, id });
    this.comeBack();
  }

  /** Holds a container's lock, as its start does: its inspect does not come. */
  lock(id: string): void {
    this.#locked.add(id);
  }

  unlock(id: string): void {
    this.#locked.delete(id);
  }

  /** Lets the inspect of a container wait, as a start does, until the function it returns is called. */
  hold(id: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(id, promise);
    return () => {
      this.#held.delete(id);
      resolve();
    };
  }

  /** Lets every list that names a container wait, as labels of many megabytes do, until the function it returns is called. */
  holdList(id: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#heldLists.set(id, promise);
    return () => {
      this.#heldLists.delete(id);
      resolve();
    };
  }

  async version(): Promise<EngineVersion> {
    this.#answer('version');
    return this.release;
  }

  async containers(ids?: readonly string[]): Promise<ContainerList> {
    this.#answer('containers');
    if (ids === undefined) this.wholeLists.containers++;
    const named = [...this.#containers.values()].filter(({ id }) => ids === undefined || ids.includes(id));
    const held = named.flatMap(({ id }) => this.#heldLists.get(id) ?? []);
    const summaries = named.map((container) => {
      const { pid: _pid, dns: _dns, bindings: _bindings, ...summary } = this.#details(container);
      return summary;
    });
    await Promise.all(held);
    return {
      containers: summaries.filter(({ id }) => !this.unreadable.has(id)),
      unreadable: summaries.filter(({ id }) => this.unreadable.has(id)).map(({ id, name }) => ({ id, name })),
      bytes: this.bytesEach * named.length,
    };
  }

  async container(id: string): Promise<Inspected<ContainerDetails>> {
    this.#answer('container');
    this.beforeInspect(this.#containers.get(id)?.name ?? '');
    await this.#held.get(id);
    if (this.#locked.has(id)) return { kind: 'busy' };
    const container = this.#containers.get(id);
    return container === undefined ? { kind: 'gone' } : { kind: 'found', value: this.#details(container) };
  }

  async networks(ids?: readonly string[]): Promise<NetworkList> {
    this.#answer('networks');
    if (ids === undefined) this.wholeLists.networks++;
    const networks = [...this.#networks.values()].filter(({ id }) => ids === undefined || ids.includes(id));
    return { networks, bytes: this.bytesEach * networks.length };
  }

  async volumes(): Promise<readonly VolumeDetails[]> {
    return [];
  }

  async info(): Promise<EngineInfo> {
    return { firewallBackend: 'iptables', mapsUsers: false, dataFolder: '/var/lib/docker' };
  }

  async image(id: string): Promise<Inspected<ImageDetails>> {
    this.#answer('image');
    const value = this.#images.get(id);
    return value === undefined ? { kind: 'gone' } : { kind: 'found', value };
  }

  #details(container: FakeContainer): ContainerDetails {
    const { id, name, image = 'app', labels = {}, mode, pid, attachments, bindings = [] } = container;
    return {
      id,
      name,
      image,
      imageId: image,
      running: pid !== null,
      pid,
      labels: new Map([...(this.#images.get(image)?.labels ?? []), ...Object.entries(labels)]),
      networkMode: mode ?? container.networks?.[0] ?? 'default',
      attachments,
      dns: [],
      bindings,
    };
  }

  #attach(container: string, name: string, pid: number): Attachment {
    const network = this.#network(name);
    const subnet = network.subnets[0];
    if (subnet === undefined) throw new TypeError(`no subnet in ${name}`);
    const number = ++this.#counter;
    const endpoint = digest(`endpoint ${number}`);
    if (network.driver === 'bridge') {
      this.#veths.set(endpoint, `veth${number}`);
      this.#kernel.veth(`veth${number}`, this.#bridgeOf(network.id), pid);
    }
    const address = addressOf(subnet.address.family, subnet.address.value + BigInt(number + 1));
    const mac = `02:42:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
    this.#tell({ kind: 'network', action: 'connect', network: network.id, container });
    return { name, networkId: network.id, endpoint, addresses: [address], mac };
  }

  #bridgeOf(networkId: string): string {
    return this.#networks.get(networkId)?.options.get(bridgeName) ?? `br-${networkId.slice(0, 12)}`;
  }

  #network(name: string): NetworkDetails {
    const network = [...this.#networks.values()].find((one) => one.name === name);
    if (network === undefined) throw new TypeError(`no network ${name}`);
    return network;
  }

  #tell(event: Told): void {
    if (this.mute || this.#away !== undefined) return;
    const at = ++this.#clock;
    for (const onNotice of this.#followers) onNotice({ kind: 'event', event: { ...event, at } });
  }

  #answer(call: keyof FakeEngine['asked']): void {
    this.asked[call]++;
    if (this.#away !== undefined) throw new EngineError('unreachable', this.#away);
  }

  #container(idOrName: string): FakeContainer {
    const byName = [...this.#containers.values()].find(({ name }) => name === idOrName);
    const container = this.#containers.get(idOrName) ?? byName;
    if (container === undefined) throw new TypeError(`no container ${idOrName}`);
    return container;
  }

  #refuseTaken(name: string): void {
    if ([...this.#containers.values()].some((one) => one.name === name)) throw new TypeError(`${name} is taken`);
  }

  #id(what: string): string {
    return digest(`${what} ${++this.#counter}`);
  }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** On a network that it has not joined yet. */
function detached(name: string): Attachment {
  return { name, networkId: '', endpoint: '', addresses: [], mac: null };
}
