import { dirname } from 'node:path';
import type { TimerOrder } from '../../src/cli/confirm/order.ts';
import type { DaemonOptions } from '../../src/cli/daemon-options.ts';
import { CliError } from '../../src/cli/error.ts';
import type { LiveProbe, LiveResult, Prober } from '../../src/cli/live/prober.ts';
import {
  type Applied,
  FileError,
  type Files,
  type HostPort,
  type KernelPort,
  type LiveConversation,
  type Ownership,
  type Ports,
  type Sink,
  type Switched,
} from '../../src/cli/ports.ts';
import { run } from '../../src/cli/run.ts';
import type { Daemon } from '../../src/control/client.ts';
import type {
  ApiListener,
  ConntrackFacts,
  EngineFacts,
  Flusher,
  ProxyPort,
  SizeFacts,
  VolumeFacts,
} from '../../src/doctor/facts.ts';
import type { BackendChoice, BackendName } from '../../src/enforce/backend.ts';
import { evaluate } from '../../src/evaluate/evaluate.ts';
import type { Outcome } from '../../src/evaluate/verdict.ts';
import { type Address, addressOf } from '../../src/ip/address.ts';
import { narrowerInIptables } from '../../src/iptables/narrower.ts';
import type { BridgeCalls } from '../../src/netlink/link.ts';
import { renderText } from '../../src/nftables/backend.ts';
import type { PathTrace } from '../../src/nftables/path-trace.ts';
import type { TracedVerdict } from '../../src/nftables/trace-events.ts';
import { readListing } from '../../src/packetpath/read/read.ts';
import { surroundingsOfWorld } from '../../src/packetpath/walk/of-world.ts';
import type { Narrower } from '../../src/ruleset/narrower.ts';
import type { EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';
import { StateError } from '../../src/state/part.ts';
import { encodeRuleset } from '../../src/state/ruleset-text.ts';
import type { World } from '../../src/world/world.ts';

const root: Ownership = { uid: 0, gid: 0, mode: 0o644 };

/** A file system in memory, with owners and permission bits. */
export class FakeFiles implements Files {
  readonly #files = new Map<string, { text: string; owner: Ownership }>();
  /** Folders that are not root's alone. */
  readonly folders = new Map<string, Ownership>();

  write(path: string, text: string, owner: Partial<Ownership> = {}): void {
    this.#files.set(path, { text, owner: { ...root, ...owner } });
  }

  textOf(path: string): string | undefined {
    return this.#files.get(path)?.text;
  }

  async read(path: string, limit: number) {
    const file = this.#files.get(path);
    if (file === undefined) throw systemError('ENOENT', 'open', path);
    if (file.text.length > limit) throw new FileError(`${path} has more than ${limit} bytes`);
    return file;
  }

  async list(path: string) {
    const names = [...this.#files.keys()].filter((file) => dirname(file) === path);
    return names.length === 0 ? null : names.map((file) => file.slice(path.length + 1));
  }

  async directory(path: string): Promise<Ownership> {
    return this.folders.get(path) ?? { ...root, mode: 0o755 };
  }

  async replace(path: string, text: string): Promise<void> {
    if (this.folders.get(dirname(path))?.mode === 0) throw systemError('EROFS', 'open', path);
    this.write(path, text);
  }

  async rename(from: string, to: string): Promise<void> {
    const file = this.#files.get(from);
    if (file === undefined) throw systemError('ENOENT', 'rename', from);
    this.#files.delete(from);
    this.#files.set(to, file);
  }

  async remove(path: string): Promise<boolean> {
    return this.#files.delete(path);
  }
}

function systemError(code: string, syscall: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${path}'`), { code, syscall });
}

/** A live conversation of a container. */
export interface FakeFlow {
  readonly container: string;
  readonly to: Address;
  readonly protocol: number;
  readonly port: number;
  readonly since?: number;
}

/** A kernel that holds one ruleset, judges by it, and cuts conversations that it forbids. */
export class FakeKernel implements KernelPort {
  held: Ruleset | null = null;
  flows: FakeFlow[] = [];
  readonly bridges = new Map<string, BridgeCalls>();
  /** What the kernel does in place of what the ruleset says, for tests of disagreement. */
  flaw: ((probe: LiveProbe) => TracedVerdict | undefined) | null = null;
  /** What the kernel's trace says of a packet's way. */
  traced: PathTrace = {
    began: ['prerouting', 'forward', 'postrouting'],
    passed: ['prerouting', 'forward', 'postrouting'],
    events: [],
  };
  /** Without root, conversations cannot be read. */
  blind = false;
  /** In what it holds its ruleset. */
  backend: BackendName = 'nftables';
  /** Whether iptables has a table `security`. */
  security = true;
  /** Refuses to change anything, as a kernel without memory does. */
  refuses = false;
  readonly #texts: Ruleset[] = [];
  readonly #world: () => World;

  constructor(world: () => World) {
    this.#world = world;
  }

  async apply(ruleset: Ruleset, now: number, backend: BackendChoice | null): Promise<Applied> {
    if (this.refuses) throw Object.assign(new Error('nft refused: no memory'), { name: 'NftError' });
    this.held = ruleset;
    this.backend = backend === null ? this.backend : backend === 'iptables' ? 'iptables-nft' : backend;
    const switched = new Map<string, BridgeCalls>();
    for (const { name } of ruleset.bridges) {
      const before = this.bridges.get(name) ?? { ip: false, ip6: false };
      if (before.ip && before.ip6) continue;
      switched.set(name, before);
      this.bridges.set(name, { ip: true, ip6: true });
    }
    const forbidden = this.flows.filter((flow) => this.#judge(flow, now) === 'denied');
    this.flows = this.flows.filter((flow) => !forbidden.includes(flow));
    return {
      switched,
      backend: this.backend,
      cut: forbidden.map(({ container, to, protocol, port }) => ({
        workload: this.#endpoint(container)?.workload ?? '',
        container,
        to,
        protocol,
        port,
      })),
    };
  }

  async rules(ruleset: Ruleset): Promise<string> {
    return renderText(ruleset);
  }

  async loadable(ruleset: Ruleset): Promise<string> {
    const number = this.#texts.push(ruleset);
    return `# text ${number - 1}\n`;
  }

  async load(text: string): Promise<void> {
    this.held = this.#texts[Number(/^# text (\d+)\n$/.exec(text)?.[1])] ?? null;
    if (this.held === null) throw new Error('not a text of ours');
  }

  async narrower(ruleset: Ruleset, backend: BackendChoice | null): Promise<readonly Narrower[]> {
    return (backend ?? this.backend) === 'nftables' ? [] : narrowerInIptables(ruleset, this);
  }

  async holds(ruleset: Ruleset): Promise<boolean> {
    return this.held !== null && encodeRuleset(this.held) === encodeRuleset(ruleset);
  }

  async standsAs(text: string): Promise<boolean> {
    return this.held !== null && this.held === this.#texts[Number(/\d+/.exec(text)?.[0])];
  }

  async forbidden(ruleset: Ruleset, now: number): Promise<readonly LiveConversation[] | null> {
    if (this.blind) return null;
    return this.flows
      .filter((flow) => this.#judge(flow, now, ruleset) === 'denied')
      .map((flow) => ({
        ...flow,
        workload: this.#endpoint(flow.container, ruleset)?.workload ?? '',
        id: `${flow.container} ${flow.to.value} ${flow.port}`,
        since: flow.since ?? null,
      }));
  }

  async backends(): Promise<readonly BackendName[]> {
    return this.held === null ? [] : [this.backend];
  }

  async release(switched: Switched): Promise<readonly BackendName[]> {
    for (const [name, before] of switched) this.bridges.set(name, before);
    const had = this.held !== null;
    this.held = null;
    return had ? [this.backend] : [];
  }

  async standing(): Promise<boolean | null> {
    return this.held !== null;
  }

  async nftVersion(): Promise<string> {
    return 'nftables v1.1.3 (Commodore Bullmoose #4)';
  }

  async prober(): Promise<Prober> {
    const containerOf = (pid: number) => this.#world().containers.find((container) => container.pid === pid);
    const sourceFor = async (pid: number, to: Address) =>
      containerOf(pid)
        ?.endpoints.flatMap(({ addresses }) => addresses)
        .find(({ family }) => family === to.family) ?? null;
    return {
      sourceFor,
      probe: async (probe): Promise<LiveResult> => {
        const source = await sourceFor(probe.pid, probe.to);
        if (source === null) return { kind: 'not-sent', reason: 'there is no route to it from the container' };
        const container = containerOf(probe.pid)?.name ?? '';
        const flawed = this.flaw?.(probe);
        if (flawed !== undefined) return { kind: 'traced', source, verdict: flawed };
        const outcome = this.#judge({ ...probe, container }, 0);
        return { kind: 'traced', source, verdict: outcome === 'allowed' ? 'accepted' : outcome };
      },
      follow: async (probe) => {
        const source = await sourceFor(probe.pid, probe.to);
        if (source === null) return { kind: 'not-sent', reason: 'there is no route to it from the container' };
        return { kind: 'traced', source, trace: this.traced };
      },
      async [Symbol.asyncDispose]() {},
    };
  }

  #endpoint(container: string, ruleset = this.held): EndpointIdentity | undefined {
    return ruleset?.endpoints.find((endpoint) => endpoint.container.name === container);
  }

  #judge({ container, to, protocol, port }: FakeFlow, now: number, ruleset = this.held): Outcome {
    const from = this.#endpoint(container, ruleset);
    if (ruleset === null || from === undefined) return 'allowed';
    return evaluate(ruleset, { from, to, protocol, port }, now).outcome;
  }
}

export interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A host where nothing is out of the ordinary, until a test says so. */
class FakeHostPort implements HostPort {
  resolvers: readonly Address[] = [addressOf(4, 0xc0a86402n)];
  table: ConntrackFacts | null = { count: 100, max: 262_144, liberal: false };
  listeners: readonly ProxyPort[] = [];
  services: readonly Flusher[] = [];
  switches: ReadonlyMap<string, { ip: boolean; ip6: boolean }> = new Map();
  api: readonly ApiListener[] = [];
  /** Interfaces that route what is sent to loopback addresses. */
  routing: readonly string[] = [];
  socketPaths: readonly string[] = [];
  measures: SizeFacts = { mtus: new Map(), ways: new Map() };
  /** As iptables-save prints it. */
  listing = '';
  readonly #world: () => World;

  constructor(world: () => World) {
    this.#world = world;
  }

  async nameservers() {
    return this.resolvers;
  }
  async conntrack() {
    return this.table;
  }
  async proxies() {
    return this.listeners;
  }
  async flushers() {
    return this.services;
  }
  async apiListeners() {
    return this.api;
  }
  async routesLoopback(interfaces: readonly string[]) {
    return interfaces.filter((name) => this.routing.includes(name));
  }
  async sockets(paths: readonly string[]) {
    return paths.filter((path) => this.socketPaths.includes(path));
  }
  async sizes() {
    return this.measures;
  }
  async bridgeCalls() {
    return this.switches;
  }
  async allRules() {
    return readListing(this.listing);
  }
  async surroundings() {
    return surroundingsOfWorld(this.#world());
  }
}

/** A host to run command lines on. */
export class FakeHost {
  readonly files = new FakeFiles();
  readonly kernel = new FakeKernel(() => this.world);
  world: World;
  /** Set to an error to have no engine. */
  engineError: Error | null = null;
  engineInfo: EngineFacts = { firewallBackend: 'iptables', mapsUsers: false, dataFolder: '/var/lib/docker' };
  volumes: readonly VolumeFacts[] = [];
  readonly host = new FakeHostPort(() => this.world);
  now = Date.UTC(2026, 10, 23, 14, 2);
  user = { uid: 0, gid: 0 };
  env: Record<string, string | undefined> = {};
  input = '';
  terminal = false;
  /** The daemon that listens, if one does. */
  daemon: Daemon | null = null;
  /** What the daemon was started with last. */
  daemonOptions: DaemonOptions | null = null;
  /** Why its daemon ends. */
  daemonEnds: 'told to' | 'nothing before' = 'told to';
  /** What processes that take a change back were started with. */
  readonly orders: TimerOrder[] = [];
  readonly locked = new Set<string>();
  /** What happens while somebody waits. */
  onSleep: (() => unknown) | null = null;

  constructor(world: World) {
    this.world = world;
  }

  /** Runs a command line at a width of columns; 0: into a pipe. */
  async sluice(args: readonly string[], columns = 80): Promise<Result> {
    let out = '';
    let err = '';
    const ports = this.ports(
      { write: (text) => void (out += text), terminal: this.terminal, columns: undefined },
      { write: (text) => void (err += text), terminal: false, columns: undefined },
      columns,
    );
    const code = await run(args, ports);
    return { code, out, err };
  }

  /** What a process on this host works with. */
  ports(out: Sink = nowhere, err: Sink = nowhere, columns = 80): Ports {
    return {
      env: { ...(columns === 0 ? {} : { COLUMNS: String(columns) }), ...this.env },
      out,
      err,
      input: async () => this.input,
      now: () => this.now,
      user: this.user,
      files: this.files,
      engine: async (address) => {
        if (this.engineError !== null) throw this.engineError;
        if (address?.startsWith('tcp:')) throw new CliError('unable', `--host is "${address}"`, 'use a unix socket');
        return {
          address: 'unix:///var/run/docker.sock',
          readWorld: async () => this.world,
          version: async () => ({ version: '28.5.2', apiVersion: '1.51' }),
          info: async () => this.engineInfo,
          volumes: async () => this.volumes,
        };
      },
      kernel: this.kernel,
      host: this.host,
      daemon: async () => this.daemon,
      lock: async (directory) => this.#lock(directory),
      startTimer: async (order) => void this.orders.push(order),
      token: () => `token-${this.orders.length + 1}`,
      sleep: async (milliseconds) => {
        this.now += milliseconds;
        await this.onSleep?.();
      },
      runDaemon: async (options) => {
        this.daemonOptions = options;
        options.log('info', 'the daemon runs');
        return this.daemonEnds;
      },
      versions: { sluice: '0.1.0', commit: '3f9c2ab', node: 'v26.10.0', kernel: '6.12.0' },
    };
  }

  #lock(directory: string): AsyncDisposable {
    if (this.locked.has(directory)) throw new StateError(`${directory} is in use by another sluice (pid 7)`);
    this.locked.add(directory);
    return { [Symbol.asyncDispose]: async () => void this.locked.delete(directory) };
  }
}

const nowhere: Sink = { write: () => {}, terminal: false, columns: undefined };
