import { elementId, type SetElement } from '../../nftables/endpoint-elements.ts';
import { barring } from './closing.ts';
import { unlessRefused } from './other-ends.ts';
import type { BridgePort } from './ports.ts';
import type { FromGuard } from './protocol.ts';
import type { Sitting, Sittings } from './sittings.ts';

export interface BarsPorts {
  /** One transaction. @throws NetlinkError */
  setElements(remove: readonly SetElement[], add: readonly SetElement[]): void;
  say(message: FromGuard): void;
  /** The number of the next thing that is done. */
  serial(): number;
}

interface Bar {
  readonly serial: number;
  /** Who sat there. */
  readonly sitting: Sitting | null;
}

/** Ports from which nothing passes, whoever sat there, until the main thread lets them go. */
export class Bars {
  readonly #ports: BarsPorts;
  readonly #sittings: Pick<Sittings, 'get' | 'delete' | 'change'>;
  /** By port. */
  readonly #all = new Map<number, Bar>();

  constructor(ports: BarsPorts, sittings: Pick<Sittings, 'get' | 'delete' | 'change'>) {
    this.#ports = ports;
    this.#sittings = sittings;
  }

  has(port: number): boolean {
    return this.#all.has(port);
  }

  /** @returns false where no rules of ours stand: then there is nothing to hold anybody by */
  bar({ index, name }: BridgePort, container: string): boolean {
    const port = { name, index };
    const sitting = this.#sittings.get(index) ?? null;
    if (!this.#set(index, sitting)) return false;
    const serial = this.#ports.serial();
    this.#all.set(index, { serial, sitting });
    this.#ports.say({ kind: 'barred', serial, port, container });
    return true;
  }

  /** A port is gone; its index is never given again, but what stands for it is of no use. */
  parted(port: number): void {
    if (!this.#all.delete(port)) return;
    const serial = this.#ports.serial();
    unlessRefused(() => this.#ports.setElements(barring(port), []));
    this.#ports.say({ kind: 'unbarred', serial, port });
  }

  /**
   * What the main thread had heard of is as it says, another guard's bars among it; the others are barred again, for it may
   * have undone that.
   *
   * @param heard serial of the latest that it reckons with
   * @param kept ports that stay barred
   * @param isThere whether there is such a port
   */
  plan(heard: number, kept: readonly number[], isThere: (index: number) => boolean): void {
    for (const index of kept) {
      if (this.#all.has(index)) continue;
      this.#all.set(index, { serial: 0, sitting: null });
      if (!isThere(index)) this.parted(index);
    }
    for (const [index, bar] of this.#all) {
      if (bar.serial > heard) this.#set(index, this.#sittings.get(index) ?? bar.sitting);
      else if (!kept.includes(index)) this.#all.delete(index);
    }
  }

  /** In one transaction: between two of them docker0 would take for a build's what comes from there. */
  #set(port: number, sitting: Sitting | null): boolean {
    const bar = barring(port);
    const barred = new Set(bar.map(elementId));
    const { remove, add } = this.#sittings.change(sitting === null ? [] : [sitting], []);
    const others = remove.filter((one) => !barred.has(elementId(one)));
    const isSet = unlessRefused(() => this.#ports.setElements(others, [...add, ...bar])) !== null;
    if (isSet) this.#sittings.delete(port);
    return isSet;
  }
}
