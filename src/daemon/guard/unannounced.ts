import type { ProcessPorts } from './first-sight.ts';
import type { After } from './lookout.ts';
import type { BridgePort } from './ports.ts';
import type { Announced } from './protocol.ts';

export interface UnannouncedPorts extends ProcessPorts {
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
/** Milliseconds after which a port, or a container that is announced, is no newcomer any more. */
const youth = 5_000;
/** A look is followed by a rest of so many times what it took. */
const rest = 2;

/**
 * Finds containers that send where nobody who is not known is denied: by a port of a bridge that is not enrolled, of docker0
 * while builds may run there, or by somebody else's port whose namespace they are in. The engine tells of a container before
 * it starts, but whoever reads that may be late, or blind; then the kernel alone shows it, by its control group, before its
 * first instruction. Of whom nobody has told anything nothing passes, until it is known what policy says of them.
 */
export class Unannounced {
  readonly #ports: UnannouncedPorts;
  /** The bridges of each container that was told of. */
  readonly #announced = new Map<string, ReadonlySet<number> | 'any'>();
  /** When each container's control group was first seen, in milliseconds since the epoch. */
  readonly #since = new Map<string, number>();
  /** Ports that joined lately, by index, and when; until who belongs there is found behind them. */
  readonly #young = new Map<number, { readonly port: BridgePort; readonly joined: number }>();
  #begun = false;
  #rest = Number.NEGATIVE_INFINITY;
  #callOff: (() => void) | null = null;

  constructor(ports: UnannouncedPorts) {
    this.#ports = ports;
  }

  /** What the main thread knows. Nobody is taken for unknown before it has told for the first time. */
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
    for (const { container, bridges } of announced)
      this.#announced.set(container, bridges === null ? 'any' : new Set(bridges));
    if (this.#begun) return;
    this.#begun = true;
    for (const container of this.#ports.containers()) this.#since.set(container, Number.NEGATIVE_INFINITY);
    this.#look();
  }

  /** A port of a bridge where who is not known may send. */
  arrived(port: BridgePort): void {
    const joined = this.#young.get(port.index)?.joined ?? port.joined;
    if (joined === null || this.#ports.now() - joined >= youth) return;
    this.#young.set(port.index, { port, joined });
    this.#wake();
  }

  parted(port: number): void {
    this.#young.delete(port);
  }

  /** A control group came, or went. */
  groupChanged(container: string): void {
    if (!this.#since.has(container)) this.#since.set(container, this.#ports.now());
    if (!this.#announced.has(container)) this.#wake();
  }

  #belongs(container: string, bridge: number): boolean {
    const bridges = this.#announced.get(container);
    return bridges === 'any' || bridges?.has(bridge) === true;
  }

  #wake(): void {
    if (!this.#begun) return;
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
    let youngest = Number.NEGATIVE_INFINITY;
    for (const container of groups) {
      if (this.#announced.has(container)) this.#lookAtKnown(container, young, began);
      else {
        youngest = Math.max(youngest, this.#since.get(container) ?? began);
        this.#lookAtUnknown(container);
      }
    }
    for (const { joined } of this.#young.values()) youngest = Math.max(youngest, joined);
    const now = this.#ports.now();
    this.#rest = now + Math.max(1, rest * (now - began));
    const pace = paces.find(({ until }) => now - youngest < until);
    if (pace !== undefined) this.#next(Math.max(pace.pause, this.#rest - now));
  }

  #takeIn(groups: ReadonlySet<string>, now: number): void {
    for (const container of this.#since.keys()) if (!groups.has(container)) this.#since.delete(container);
    for (const container of groups) if (!this.#since.has(container)) this.#since.set(container, now);
    for (const [index, { joined }] of this.#young) if (now - joined >= youth) this.#young.delete(index);
  }

  /** Wherever it sends, also by the port of somebody whose namespace it has joined. */
  #lookAtUnknown(container: string): void {
    const homes = new Set(this.#ports.namespaces(container));
    if (homes.size === 0) return;
    for (const port of this.#ports.ports()) {
      const behind = this.#ports.isOpen(port) ? this.#ports.namespaceBehind(port) : null;
      if (behind === null || !homes.has(behind)) continue;
      this.#young.delete(port.index);
      this.#ports.bar(port, container);
    }
  }

  /** One that has just started may have been connected, before, to a network of which nobody told. */
  #lookAtKnown(container: string, young: readonly PortAndNamespace[], now: number): void {
    if (young.length === 0 || now - (this.#since.get(container) ?? now) >= youth) return;
    const homes = new Set(this.#ports.namespaces(container));
    for (const { port, behind } of young) {
      if (behind === null || !homes.has(behind) || !this.#young.delete(port.index)) continue;
      if (!this.#belongs(container, port.bridge)) this.#ports.bar(port, container);
    }
  }
}

interface PortAndNamespace {
  readonly port: BridgePort;
  /** Namespace of its other end. */
  readonly behind: number | null;
}
