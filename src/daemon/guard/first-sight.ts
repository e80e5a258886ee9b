import { type Address, isLinkLocal } from '../../ip/address.ts';
import type { Candidate } from './matching.ts';
import { unlessRefused } from './other-ends.ts';

/** What the host shows of containers' processes. */
export interface ProcessPorts {
  /** Engine ids of the containers that have a control group. */
  containers(): ReadonlySet<string>;
  /** The network namespaces of a container's processes, or the first of them, by the ids our own knows them by. @throws NetlinkError */
  namespaces(container: string): readonly number[];
  /** Milliseconds since the epoch, with fractions. */
  now(): number;
}

/**
 * Milliseconds between two looks at all who are waited for, and how many times as long as one takes: of hundreds it takes
 * some.
 */
const lookAgain = { least: 3, times: 2 } as const;

/** A container behind a port, as the kernel shows it. */
export interface Resident {
  /** Index of the port. */
  readonly port: number;
  readonly container: string;
  readonly mac: string;
  /** Without link-local ones. */
  readonly addresses: readonly Address[];
}

/**
 * Who is behind a port by the kernel's word alone: the container in whose control group the processes are that live in the
 * namespace of the port's other end. Before its first instruction a container's processes are runc's, so that this is known
 * as soon as the other end is up, while an engine that starts hundreds lists them up to a second later.
 */
export class FirstSight {
  readonly #ports: ProcessPorts;
  /** Where those who are waited for were seen last, of the namespaces that ports lead to. */
  readonly #homes = new Map<string, number>();
  /** Before this time nobody is looked for. */
  #rest = Number.NEGATIVE_INFINITY;

  constructor(ports: ProcessPorts) {
    this.#ports = ports;
  }

  /** Who of `awaited` is behind which of the ports; nobody where two would be. */
  look(candidates: readonly Candidate[], awaited: ReadonlySet<string>): readonly Resident[] {
    const ready = candidates.filter(({ up }) => up);
    if (ready.length === 0 || awaited.size === 0) return [];
    this.#settle(candidates, ready, awaited);
    const inhabitants = Map.groupBy(this.#homes.keys(), (container) => this.#homes.get(container));
    return [...Map.groupBy(ready, ({ netns }) => netns)].flatMap(([netns, [port, ...others]]): readonly Resident[] => {
      const seen = inhabitants.get(netns) ?? [];
      // one of several may have lived there before, when the id was another namespace's
      const [container, ...more] = seen.length > 1 ? seen.filter((one) => this.#isThere(one, netns)) : seen;
      if (port === undefined || others.length > 0 || container === undefined || more.length > 0) return [];
      const addresses = port.addresses().filter((address) => !isLinkLocal(address));
      // asked last, for the same reason
      if (!this.#isThere(container, netns)) return [];
      return [{ port: port.index, container, mac: port.mac, addresses }];
    });
  }

  /** Whether a container's processes are seen to live elsewhere than in this namespace. */
  livesElsewhere(container: string, netns: number): boolean {
    if (!this.#ports.containers().has(container)) return false;
    const home = this.#find(container);
    return home !== null && home !== netns;
  }

  /**
   * Finds who lives where ports lead to. What runc begins with is in another namespace for a moment, so that nothing else is
   * remembered.
   */
  #settle(candidates: readonly Candidate[], ready: readonly Candidate[], awaited: ReadonlySet<string>): void {
    const places = new Set(candidates.map(({ netns }) => netns));
    for (const [container, home] of this.#homes)
      if (!awaited.has(container) || !places.has(home)) this.#homes.delete(container);
    const known = new Set(this.#homes.values());
    const began = this.#ports.now();
    if (began < this.#rest || ready.every(({ netns }) => known.has(netns))) return;
    for (const container of this.#ports.containers()) {
      if (!awaited.has(container) || this.#homes.has(container)) continue;
      const home = this.#find(container);
      if (home !== null && places.has(home)) this.#homes.set(container, home);
    }
    const now = this.#ports.now();
    this.#rest = now + Math.max(lookAgain.least, lookAgain.times * (now - began));
  }

  #isThere(container: string, netns: number): boolean {
    const isThere = this.#find(container) === netns;
    if (!isThere) this.#homes.delete(container); // and is looked for again
    return isThere;
  }

  /** The one namespace of a container's processes. */
  #find(container: string): number | null {
    const [home, ...others] = new Set(unlessRefused(() => this.#ports.namespaces(container)) ?? []);
    return home === undefined || others.length > 0 ? null : home;
  }
}
