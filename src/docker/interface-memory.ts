import type { KernelView } from '../host/kernel-view.ts';
import type { Link } from '../netlink/link.ts';
import type { Interfaces } from './build-world.ts';

/**
 * The host's interfaces, kept between readings: of a thousand veths the kernel needs 10 ms for the list, and we as long
 * to read it.
 */
export class InterfaceMemory {
  readonly #kernel: KernelView;
  #links: readonly Link[] = [];

  constructor(kernel: KernelView) {
    this.#kernel = kernel;
  }

  /** All of them, as they are. */
  read(): Interfaces {
    this.#links = this.#kernel.links();
    return { links: this.#links, addresses: this.#kernel.addresses() };
  }

  /**
   * The bridges, and the ports of some of them, as they are; others as they were. All of them where an address is on one
   * that is not known.
   */
  readPortsOf(masters: ReadonlySet<number>): Interfaces {
    const ports = [...masters].flatMap((master) => this.#kernel.links({ master }));
    const read = new Map([...this.#kernel.links({ kind: 'bridge' }), ...ports].map((link) => [link.index, link]));
    const isOld = ({ index, kind, master }: Link) =>
      read.has(index) || kind === 'bridge' || (master !== null && masters.has(master));
    this.#links = [...this.#links.filter((link) => !isOld(link)), ...read.values()];
    const addresses = this.#kernel.addresses();
    const known = new Set(this.#links.map(({ index }) => index));
    return addresses.every(({ index }) => known.has(index)) ? { links: this.#links, addresses } : this.read();
  }
}
