import type { Daemon } from '../control/client.ts';
import type {
  ApiListener,
  ConntrackFacts,
  EngineFacts,
  Flusher,
  ProxyPort,
  SizeFacts,
  VolumeFacts,
} from '../doctor/facts.ts';
import type { BackendChoice, BackendName } from '../enforce/backend.ts';
import type { Address } from '../ip/address.ts';
import type { Listing } from '../packetpath/model.ts';
import type { Surroundings } from '../packetpath/walk/surroundings.ts';
import type { Narrower } from '../ruleset/narrower.ts';
import type { Ruleset } from '../ruleset/ruleset.ts';
import type { StateFiles } from '../state/files.ts';
import type { Switched } from '../state/host-state.ts';
import type { World } from '../world/world.ts';
import type { TimerOrder } from './confirm/order.ts';
import type { DaemonOptions } from './daemon-options.ts';
import type { Prober } from './live/prober.ts';

/** Everything outside that the commands touch. The real ones are in `system/`, made in main; tests have fakes. */
export interface Ports {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Sink;
  readonly err: Sink;
  /** Standard input to its end, at most `limit` bytes. */
  readonly input: (limit: number) => Promise<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly user: User;
  readonly files: Files;
  readonly engine: (address: string | undefined) => Promise<EnginePort>;
  readonly kernel: KernelPort;
  readonly host: HostPort;
  /** The daemon behind a control socket; null when none listens. Throws ControlError. */
  readonly daemon: (socket: string) => Promise<Daemon | null>;
  /** Takes the state directory for ourselves. Throws StateError when another process has it for longer than `patience` ms. */
  readonly lock: (directory: string, patience: number) => Promise<AsyncDisposable>;
  /** Starts the process that takes a change back; it waits already when this comes back. */
  readonly startTimer: (order: TimerOrder) => Promise<void>;
  /** A name that nobody else has. */
  readonly token: () => string;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Runs the daemon to its end. `nothing before`: what it held is to be taken away, see goBackAlone. */
  readonly runDaemon: (options: DaemonOptions) => Promise<'told to' | 'nothing before'>;
  readonly versions: Versions;
}

export interface Sink {
  write(text: string): void;
  readonly terminal: boolean;
  readonly columns: number | undefined;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Errors of the system (`code` and `syscall` set) pass through. */
export interface Files extends StateFiles {
  /**
   * A regular file's text and who may change it, both of the same opened file.
   *
   * @param limit most bytes it may have
   * @throws FileError when it is something else, too large or not UTF-8
   */
  read(path: string, limit: number): Promise<FileText>;
  /** Who may add files to a directory or replace them. */
  directory(path: string): Promise<Ownership>;
}

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits of stat(2), the sticky bit included. */
  readonly mode: number;
}

export interface FileText {
  readonly text: string;
  readonly owner: Ownership;
}

/** A file that is there and cannot be used. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

/** Whether an error says that a file is not there. */
export function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR');
}

export interface EnginePort {
  /** As people write it: `unix:///var/run/docker.sock`. */
  readonly address: string;
  /** @throws EngineError */
  readWorld(): Promise<World>;
  version(): Promise<{ readonly version: string; readonly apiVersion: string }>;
  info(): Promise<EngineFacts>;
  volumes(): Promise<readonly VolumeFacts[]>;
}

/** What `doctor`, `chains` and `explain --path` look at beside the engine and our own rules. Errors pass through. */
export interface HostPort {
  nameservers(): Promise<readonly Address[]>;
  conntrack(): Promise<ConntrackFacts | null>;
  proxies(): Promise<readonly ProxyPort[]>;
  flushers(): Promise<readonly Flusher[]>;
  /** Where the engine's API listens on TCP. */
  apiListeners(): Promise<readonly ApiListener[]>;
  /** Those of the interfaces that route what is sent to loopback addresses. */
  routesLoopback(interfaces: readonly string[]): Promise<readonly string[]>;
  /** Those of the paths that are unix sockets. */
  sockets(paths: readonly string[]): Promise<readonly string[]>;
  /** What packets may measure, and by which interfaces they leave. */
  sizes(): Promise<SizeFacts>;
  /** Bridges with their own switches of br_netfilter, by name. */
  bridgeCalls(): Promise<ReadonlyMap<string, { readonly ip: boolean; readonly ip6: boolean }>>;
  /** Everybody's rules with all that is in them, those of nftables too; fails where some cannot be read. */
  allRules(): Promise<Listing>;
  /** What else a packet's way depends on: interfaces, addresses, routes, switches. */
  surroundings(): Promise<Surroundings>;
}

/** What an apply did beside changing the rules. */
export interface Applied {
  /** Live conversations that the new rules forbid and that were ended. */
  readonly cut: readonly CutConversation[];
  /** Bridges whose br_netfilter switches were turned on, with how they stood before; `down` sets them back. */
  readonly switched: Switched;
  /** In what the rules stand now. */
  readonly backend: BackendName;
}

export type { Switched } from '../state/host-state.ts';

export interface CutConversation {
  /** `PROJECT/SERVICE` or `container/NAME`. */
  readonly workload: string;
  readonly container: string;
  readonly to: Address;
  /** IP protocol number, and destination port, 0 where the protocol has none. */
  readonly protocol: number;
  readonly port: number;
}

export interface LiveConversation extends CutConversation {
  /** Tells it from others to the same place. */
  readonly id: string;
  /** Milliseconds since the epoch; null where the kernel keeps no account of it (net.netfilter.nf_conntrack_timestamp). */
  readonly since: number | null;
}

export interface KernelPort {
  /**
   * Makes the kernel hold the ruleset, all of it or nothing. `now` in milliseconds since the epoch.
   *
   * @param backend null: in what it is held now, or as is usual on this host
   */
  apply(ruleset: Ruleset, now: number, backend: BackendChoice | null): Promise<Applied>;
  /** The rules as text, in the backend that {@link apply} would take. */
  rules(ruleset: Ruleset, backend: BackendChoice | null): Promise<string>;
  /** The rules as text that {@link load} takes whatever stands, in the backend that {@link apply} would take. */
  loadable(ruleset: Ruleset, backend: BackendChoice | null): Promise<string>;
  load(text: string): Promise<void>;
  /**
   * What is held more narrowly than a ruleset says, in the backend that {@link apply} would take; nothing where that cannot
   * be told, as without root.
   */
  narrower(ruleset: Ruleset, backend: BackendChoice | null): Promise<readonly Narrower[]>;
  /** Reads the kernel: whether the rules that stand are a ruleset's, and everybody it names is known to them. */
  holds(ruleset: Ruleset): Promise<boolean>;
  /** Reads the kernel: whether the chains and sets that stand are those of a text of {@link loadable}. */
  standsAs(text: string): Promise<boolean>;
  /** Live conversations that a ruleset forbids; null where that cannot be told, as without root. */
  forbidden(ruleset: Ruleset, now: number): Promise<readonly LiveConversation[] | null>;
  /** Takes our rules away and sets bridges back; in what there were any. */
  release(switched: Switched): Promise<readonly BackendName[]>;
  /** Whether our rules are in the kernel; null where that cannot be told, as without root. */
  standing(): Promise<boolean | null>;
  /** In what they are; none where that cannot be told. */
  backends(): Promise<readonly BackendName[]>;
  /** What `nft --version` says. */
  nftVersion(): Promise<string>;
  /** Opens the kernel's trace for live tests. */
  prober(): Promise<Prober>;
}

export interface Versions {
  /** `0.1.0`. */
  readonly sluice: string;
  /** Commit the build was made of; null when run from source. */
  readonly commit: string | null;
  /** `v26.10.0`. */
  readonly node: string;
  /** Kernel release, as `uname -r` says. */
  readonly kernel: string;
}
