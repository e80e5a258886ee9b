import type { SetElement } from '../../nftables/endpoint-elements.ts';
import { closure } from './closing.ts';
import { unlessRefused } from './other-ends.ts';
import type { Closed, FromGuard } from './protocol.ts';

export interface ClosedBridgesPorts {
  /** One transaction. @throws NetlinkError */
  setElements(remove: readonly SetElement[], add: readonly SetElement[]): void;
  say(message: FromGuard): void;
  /** The number of the next thing that is done. */
  serial(): number;
}

/** Bridges that nothing passes, until the main thread has seen to them. */
export class ClosedBridges {
  readonly #ports: ClosedBridgesPorts;
  #all: readonly (Closed & { readonly serial: number })[] = [];

  constructor(ports: ClosedBridgesPorts) {
    this.#ports = ports;
  }

  close(closed: Closed): void {
    const { bridge, why } = closed;
    const isClosed = this.#all.some((one) => one.bridge.index === bridge.index && one.why === why);
    if (isClosed || !this.#shut(closed)) return;
    const serial = this.#ports.serial();
    this.#all = [...this.#all, { ...closed, serial }];
    this.#ports.say({ kind: 'closed', serial, ...closed });
  }

  /** A bridge is gone; its index is never given again. */
  gone(index: number): void {
    this.#all = this.#all.filter(({ bridge }) => bridge.index !== index);
  }

  /**
   * What the main thread had heard of is as it says; the others are shut again, for it may have undone that.
   *
   * @param heard serial of the latest that it reckons with
   */
  plan(heard: number): void {
    this.#all = this.#all.filter(({ serial }) => serial > heard);
    for (const closed of this.#all) this.#shut(closed);
  }

  /** Where no rules of ours stand there is nothing to hold anybody by. */
  #shut({ bridge, why }: Closed): boolean {
    return unlessRefused(() => this.#ports.setElements([], [closure(bridge, why)])) !== null;
  }
}
