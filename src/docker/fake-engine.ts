import { createHash } from 'node:crypto';
import type { FakeKernel } from '../host/fake-kernel.ts';
import { addressOf } from '../ip/address.ts';
import { prefixOf } from '../ip/prefix.ts';
import type {
  Attachment,
  ContainerDetails,
  ContainerSummary,
  EngineApi,
  EngineVersion,
  ImageDetails,
  Inspected,
  NetworkDetails,
  PortBinding,
} from './engine-api.ts';

/** What `docker run` is told. */
export interface FakeContainerOptions {
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Names of networks; `bridge` unless told. */
  readonly networks?: readonly string[];
  /** `host`, `none` or `container:ID`, in place of networks. */
  readonly mode?: string;
  readonly bindings?: readonly PortBinding[];
}

interface FakeContainer extends FakeContainerOptions {
  readonly id: string;
  readonly name: string;
  pid: number | null;
  attachments: readonly Attachment[];
}

/**
 * An engine in memory, on a host in memory: a container gets its addresses, its process and its veths at start and
 * loses them at stop, labels of its image are its own too, and ids are as long as real ones.
 */
export class FakeEngine implements EngineApi {
  readonly #kernel: FakeKernel;
  readonly #networks = new Map<string, NetworkDetails>();
  readonly #images = new Map<string, ImageDetails>();
  readonly #containers = new Map<string, FakeContainer>();
  readonly #locked = new Set<string>();
  #counter = 0;
  /** Settings a test may change at will. */
  release: EngineVersion = { version: '28.5.2', apiVersion: '1.51' };
  /** Called before each inspect of a container: the place to let things happen while somebody looks. */
  beforeInspect: (name: string) => void = () => {};

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
    this.addImage('app', {});
    this.addNetwork('bridge', '172.17.0.0/16', { options: { 'com.docker.network.bridge.name': 'docker0' } });
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
    if (driver === 'bridge')
      this.#kernel.bridge(options['com.docker.network.bridge.name'] ?? `br-${id.slice(0, 12)}`, gateway);
    return id;
  }

  /** `docker create`; returns the id. */
  create(name: string, options: FakeContainerOptions = {}): string {
    const id = this.#id(`container ${name}`);
    const networks = options.mode === undefined ? (options.networks ?? ['bridge']) : [];
    const attachments = networks.map((network) => ({ name: network, networkId: '', addresses: [], mac: null }));
    this.#containers.set(id, { ...options, id, name, pid: null, attachments });
    return id;
  }

  /** `docker start`: process, addresses, veths. */
  start(id: string): void {
    const container = this.#container(id);
    const pid = 1000 + ++this.#counter;
    const { mode } = container;
    this.#kernel.process(pid);
    if (mode?.startsWith('container:'))
      this.#kernel.share(pid, this.#container(mode.slice('container:'.length)).pid ?? 0);
    container.pid = pid;
    container.attachments = container.attachments.map(({ name }) => this.#attach(name, pid));
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
    if (container.pid !== null) this.#kernel.exit(container.pid);
    container.pid = null;
    container.attachments = container.attachments.map((one) => ({ ...one, addresses: [], mac: null }));
  }

  /** `docker rm -f`. */
  remove(id: string): void {
    this.stop(id);
    this.#containers.delete(id);
  }

  /** Holds a container's lock, as its start does: its inspect does not come. */
  lock(id: string): void {
    this.#locked.add(id);
  }

  unlock(id: string): void {
    this.#locked.delete(id);
  }

  async version(): Promise<EngineVersion> {
    return this.release;
  }

  async containers(): Promise<readonly ContainerSummary[]> {
    return [...this.#containers.values()].map((container) => {
      const { pid: _pid, dns: _dns, bindings: _bindings, ...summary } = this.#details(container);
      return summary;
    });
  }

  async container(id: string): Promise<Inspected<ContainerDetails>> {
    this.beforeInspect(this.#containers.get(id)?.name ?? '');
    if (this.#locked.has(id)) return { kind: 'busy' };
    const container = this.#containers.get(id);
    return container === undefined ? { kind: 'gone' } : { kind: 'found', value: this.#details(container) };
  }

  async networks(): Promise<readonly NetworkDetails[]> {
    return [...this.#networks.values()];
  }

  async image(id: string): Promise<Inspected<ImageDetails>> {
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
      networkMode: mode ?? attachments[0]?.name ?? 'default',
      attachments,
      dns: [],
      bindings,
    };
  }

  #attach(name: string, pid: number): Attachment {
    const network = [...this.#networks.values()].find((one) => one.name === name);
    const subnet = network?.subnets[0];
    if (network === undefined || subnet === undefined) throw new TypeError(`no network ${name}`);
    const number = ++this.#counter;
    if (network.driver === 'bridge') {
      const bridge = network.options.get('com.docker.network.bridge.name') ?? `br-${network.id.slice(0, 12)}`;
      this.#kernel.veth(`veth${number}`, bridge, pid);
    }
    const address = addressOf(subnet.address.family, subnet.address.value + BigInt(number + 1));
    const mac = `02:42:00:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`;
    return { name, networkId: network.id, addresses: [address], mac };
  }

  #container(idOrName: string): FakeContainer {
    const byName = [...this.#containers.values()].find(({ name }) => name === idOrName);
    const container = this.#containers.get(idOrName) ?? byName;
    if (container === undefined) throw new TypeError(`no container ${idOrName}`);
    return container;
  }

  #id(what: string): string {
    return createHash('sha256')
      .update(`${what} ${++this.#counter}`)
      .digest('hex');
  }
}
