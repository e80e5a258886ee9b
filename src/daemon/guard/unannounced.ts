import type { ProcessPorts } from './first-sight.ts';
import type { After } from './lookout.ts';
import type { BridgePort } from './ports.ts';
import type { Announced } from './protocol.ts';

/** A process of some container. */
export interface Inhabitant {
  /** The id by which our own namespace knows its network namespace. */
  readonly netns: number;
  /** Engine ids of the containers whose control groups it is in, all of them; none where it is no container's. */
  readonly containers: () => readonly string[];
}

export interface UnannouncedPorts extends ProcessPorts {
  /** Looks into what is called like the group of a container that nobody knows: it may be the folder of others'. */
  watchWithin(container: string): void;
  /** A group of nobody's that has had no process for long is not listed any more. */
  disregard(container: string): void;
  /** Processes in namespaces that ports lead to, the newest first; so many processes are asked about. */
  newest(most: number): readonly Inhabitant[];
  /** Whether anything is forbidden a container on some network. */
  isJudged(container: string): boolean;
  /** Whether such a one sits nowhere: it may have been taken off its networks. */
  isAdrift(container: string): boolean;
  /** Every port of every bridge. */
  ports(): Iterable<BridgePort>;
  /** The namespace of a port's other end; null while it is in none of a container's. */
  namespaceBehind(port: BridgePort): number | null;
  /** Whether what comes from a port passes without being judged, or is judged as somebody's. */
  isOpen(port: BridgePort): boolean;
  /** Nothing is to pass from a port, because this container sends by it. */
  bar(port: BridgePort, container: string): void;
  after: After;
}

/** Milliseconds between two looks, by how long the youngest of those has been there who are looked for. */
const paces = [
  { until: 100, pause: 3 },
  { until: 1_000, pause: 20 },
  { until: 5_000, pause: 100 },
] as const;
/** The same while not all folders of control groups are watched, so that nobody tells who comes. */
const unwatched = 10;
/** Milliseconds after which a port, or a container that is announced, is no newcomer any more. */
const youth = 5_000;
/** A look is followed by a rest of so many times what it took. */
const rest = 2;
/** Processes that are asked about for a port behind which nobody is found, and how often: one is there before its port. */
const newest = { processes: 1_000, times: 4 } as const;
/** So many whom nobody knows, and as many again, are looked at at once. */
const crowd = 64;
/** And for nobody in particular, while not all folders are watched. */
const newestAlways = 100;

/** A port that joined lately. */
interface Young {
  readonly port: BridgePort;
  readonly joined: number;
  /** How often all new processes were asked about for it. */
  asked: number;
}

/**
 * Finds containers that send where nobody who is not known is denied: by a port of a bridge that is not enrolled, of docker0
 * while builds may run there, or by somebody else's port whose namespace they are in. The engine tells of a container before
 * it starts, but whoever reads that may be late, or blind; then the kernel alone shows it, by its control group, before its
 * first instruction. Of whom nobody has told anything nothing passes, until it is known what policy says of them.
 *
 * Whoever makes a container may hide its group in the tree. So for a port behind which nobody is found it is asked of which groups
 * the processes are that live there; and who joins another one's namespace, and has no port, is looked for in folders that are
 * called like groups as well.
 */
export class Unannounced {
  readonly #ports: UnannouncedPorts;
  /** The bridges of each container that was told of. */
  readonly #announced = new Map<string, { readonly bridges: ReadonlySet<number> | 'any'; readonly free: boolean }>();
  /** Containers that were there before anybody was told of. */
  #before: ReadonlySet<string> = new Set();
  /** When each container's control group was first seen, in milliseconds since the epoch. */
  readonly #since = new Map<string, number>();
  /** Ports that joined lately, by index, until who belongs there is found behind them. */
  readonly #young = new Map<number, Young>();
  #knows: 'nothing' | 'who was there' | 'who is told of' = 'nothing';
  #overflow = false;
  /** How often some of a crowd were looked at. */
  #turn = 0;
  #rest = Number.NEGATIVE_INFINITY;
  #callOff: (() => void) | null = null;

  constructor(ports: UnannouncedPorts) {
    this.#ports = ports;
  }

  /** What the main thread knows. Nobody is taken for unknown before it has told, or said that it cannot, for the first time. */
  told({
    announced,
    forgotten,
  }: {
    readonly announced: readonly Announced[];
    readonly forgotten: readonly string[];
  }): void {
    for (const container of forgotten) {
      this.#announced.delete(container);
      this.#since.delete(container);
    }
    for (const { container, bridges, free } of announced)
      this.#announced.set(container, { bridges: bridges === null ? 'any' : new Set(bridges), free });
    if (this.#knows === 'who is told of') return;
    this.#begin('who is told of', new Set());
  }

  /** The main thread cannot find out who is there: who is goes on, and who comes from now on is unknown. */
  blind(): void {
    if (this.#knows === 'nothing') this.#begin('who was there', this.#ports.containers());
  }

  #begin(knows: 'who was there' | 'who is told of', before: ReadonlySet<string>): void {
    this.#knows = knows;
    this.#before = before;
    for (const container of this.#ports.containers()) this.#since.set(container, Number.NEGATIVE_INFINITY);
    this.#look();
  }

  /** A port of a bridge where who is not known may send. */
  arrived(port: BridgePort): void {
    const { joined = port.joined, asked = 0 } = this.#young.get(port.index) ?? {};
    if (joined === null || this.#ports.now() - joined >= youth) return;
    this.#young.set(port.index, { port, joined, asked });
    this.#wake();
  }

  parted(port: number): void {
    this.#young.delete(port);
  }

  /** A control group came, or went. */
  groupChanged(container: string): void {
    if (!this.#since.has(container)) this.#since.set(container, this.#ports.now());
    if (!this.#isKnown(container)) this.#wake();
  }

  /** Not all folders of control groups are watched. */
  overflowed(): void {
    this.#overflow = true;
    this.#wake();
  }

  #isKnown(container: string): boolean {
    return this.#announced.has(container) || this.#before.has(container);
  }

  #belongs(container: string, bridge: number): boolean {
    if (this.#before.has(container)) return true;
    const { bridges = new Set<number>(), free = false } = this.#announced.get(container) ?? {};
    return bridges === 'any' || bridges.has(bridge) || (free && !this.#ports.isJudged(container));
  }

  #wake(): void {
    if (this.#knows === 'nothing') return;
    const wait = this.#rest - this.#ports.now();
    if (wait <= 0) this.#look();
    else this.#next(wait);
  }

  #next(wait: number): void {
    this.#callOff?.();
    this.#callOff = this.#ports.after(wait, () => this.#look());
  }

  #look(): void {
    this.#callOff?.();
    this.#callOff = null;
    const began = this.#ports.now();
    const groups = this.#ports.containers();
    this.#takeIn(groups, began);
    // first of all: the kernel gives a namespace its id when it tells of a veth that leads there
    const young = [...this.#young.values()].map(({ port }) => ({ port, behind: this.#ports.namespaceBehind(port) }));
    const unknown = [...groups].filter((container) => !this.#isKnown(container));
    if (young.length > 0)
      for (const container of groups) if (this.#isKnown(container)) this.#lookAtKnown(container, young, began);
    for (const container of this.#someOf(unknown)) this.#lookAtUnknown(container, began);
    this.#lookAtProcesses(young);
    let youngest = Number.NEGATIVE_INFINITY;
    for (const container of unknown) youngest = Math.max(youngest, this.#since.get(container) ?? began);
    for (const { joined } of this.#young.values()) youngest = Math.max(youngest, joined);
    const now = this.#ports.now();
    this.#rest = now + Math.max(1, rest * (now - began));
    const pause = paces.find(({ until }) => now - youngest < until)?.pause ?? (this.#overflow ? unwatched : null);
    if (pause === null) return;
    this.#next(Math.max(this.#overflow ? Math.min(pause, unwatched) : pause, this.#rest - now));
  }

  /** Of a crowd the newest, and some of the others in turn: nobody is to be kept from being looked at by it. */
  #someOf(unknown: readonly string[]): readonly string[] {
    if (unknown.length <= 2 * crowd) return unknown;
    const byAge = unknown.toSorted((a, b) => (this.#since.get(b) ?? 0) - (this.#since.get(a) ?? 0));
    const others = byAge.slice(crowd);
    const from = (this.#turn++ * crowd) % others.length;
    return [...byAge.slice(0, crowd), ...others.slice(from, from + crowd)];
  }

  #takeIn(groups: ReadonlySet<string>, now: number): void {
    for (const container of this.#since.keys()) if (!groups.has(container)) this.#since.delete(container);
    for (const container of groups) if (!this.#since.has(container)) this.#since.set(container, now);
    for (const [index, { joined }] of this.#young) if (now - joined >= youth) this.#young.delete(index);
  }

  /** Wherever it sends, also by the port of somebody whose namespace it has joined. */
  #lookAtUnknown(container: string, now: number): void {
    this.#ports.watchWithin(container);
    const homes = new Set(this.#ports.namespaces(container));
    if (homes.size > 0) return this.#barAll(homes, container);
    if (now - (this.#since.get(container) ?? now) >= youth) this.#ports.disregard(container);
  }

  #barAll(homes: ReadonlySet<number>, container: string): void {
    for (const port of this.#ports.ports()) {
      const behind = this.#ports.isOpen(port) ? this.#ports.namespaceBehind(port) : null;
      if (behind === null || !homes.has(behind)) continue;
      this.#young.delete(port.index);
      this.#ports.bar(port, container);
    }
  }

  /**
   * One that has just started may have been connected, before, to a network of which nobody told; and one that was taken off
   * all its own may be connected to another.
   */
  #lookAtKnown(container: string, young: readonly PortAndNamespace[], now: number): void {
    const isYoung = now - (this.#since.get(container) ?? now) < youth;
    if (!isYoung && !this.#ports.isAdrift(container)) return;
    const homes = new Set(this.#ports.namespaces(container));
    for (const { port, behind } of young)
      if (behind !== null && homes.has(behind) && this.#young.has(port.index)) this.#found(container, port);
  }

  #found(container: string, port: BridgePort): void {
    this.#young.delete(port.index);
    if (!this.#belongs(container, port.bridge)) this.#ports.bar(port, container);
  }

  /** Whose are the processes behind ports where nobody was found; and behind any port, while nobody tells of all groups. */
  #lookAtProcesses(young: readonly PortAndNamespace[]): void {
    const open = new Map<number, BridgePort>();
    for (const { port, behind } of young) {
      const one = this.#young.get(port.index);
      if (behind === null || one === undefined || one.asked++ >= newest.times) continue;
      open.set(behind, port);
    }
    if (open.size === 0 && !this.#overflow) return;
    for (const { netns, containers } of this.#ports.newest(open.size > 0 ? newest.processes : newestAlways)) {
      const port = open.get(netns);
      if (port === undefined && !this.#overflow) continue;
      const its = containers();
      const unknown = its.find((container) => !this.#isKnown(container));
      if (unknown !== undefined) this.#barAll(new Set([netns]), unknown);
      else if (port !== undefined && its[0] !== undefined && this.#young.has(port.index)) this.#found(its[0], port);
      open.delete(netns);
    }
  }
}

interface PortAndNamespace {
  readonly port: BridgePort;
  /** Namespace of its other end. */
  readonly behind: number | null;
}
