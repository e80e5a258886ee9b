import { type Address, isLinkLocal } from '../../ip/address.ts';
import type { Candidate } from './matching.ts';
import { unlessRefused } from './other-ends.ts';

/** What the host shows of containers' processes. */
export interface ProcessPorts {
  /** Engine ids of the containers that have a control group. */
  containers(): ReadonlySet<string>;
  /** The network namespaces of a container's processes, by the ids our own knows them by. @throws NetlinkError */
  namespaces(container: string): readonly number[];
  /** Milliseconds since the epoch, with fractions. */
  now(): number;
}

/** Milliseconds between two listings of the containers there are: of a thousand one takes about one. */
const listAgain = 3;

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
  /** Where those who are waited for were seen last. */
  readonly #homes = new Map<string, number>();
  #listed = Number.NEGATIVE_INFINITY;

  constructor(ports: ProcessPorts) {
    this.#ports = ports;
  }

  /** Who of `awaited` is behind which of the ports; nobody where two would be. */
  look(candidates: readonly Candidate[], awaited: ReadonlySet<string>): readonly Resident[] {
    const ready = candidates.filter(({ up }) => up);
    if (ready.length === 0 || awaited.size === 0) return [];
    this.#settle(awaited);
    const inhabitants = Map.groupBy(this.#homes.keys(), (container) => this.#homes.get(container));
    return [...Map.groupBy(ready, ({ netns }) => netns)].flatMap(([netns, [port, ...others]]): readonly Resident[] => {
      const seen = inhabitants.get(netns) ?? [];
      // one of several may have lived there before, when the id was another namespace's
      const [container, ...more] = seen.length > 1 ? seen.filter((one) => this.#find(one) === netns) : seen;
      if (port === undefined || others.length > 0 || container === undefined || more.length > 0) return [];
      const addresses = port.addresses().filter((address) => !isLinkLocal(address));
      // asked last, for the same reason
      if (this.#find(container) !== netns) return [];
      return [{ port: port.index, container, mac: port.mac, addresses }];
    });
  }

  /** Finds where those live who have begun to. */
  #settle(awaited: ReadonlySet<string>): void {
    for (const container of this.#homes.keys()) if (!awaited.has(container)) this.#homes.delete(container);
    const now = this.#ports.now();
    if (this.#homes.size === awaited.size || now - this.#listed < listAgain) return;
    this.#listed = now;
    for (const container of this.#ports.containers())
      if (awaited.has(container) && !this.#homes.has(container)) this.#find(container);
  }

  #find(container: string): number | null {
    const [home, ...others] = new Set(unlessRefused(() => this.#ports.namespaces(container)) ?? []);
    if (home === undefined || others.length > 0) {
      this.#homes.delete(container);
      return null;
    }
    this.#homes.set(container, home);
    return home;
  }
}
