import type { Address } from '../../ip/address.ts';
import { elementId, endpointElements, type SetElement } from '../../nftables/endpoint-elements.ts';
import { isSameVerdict } from '../../nftables/same.ts';
import type { Seated } from './protocol.ts';

/** A container whose elements stand in the kernel. */
export interface Sitting extends Seated {
  /** Id of its attachment to the network; null when the main thread seated it. */
  readonly endpoint: string | null;
  /** When the kernel told of the port, as in `seated`; 0 when the main thread seated it. */
  readonly joined: number;
  /** Number of the message that told the main thread of it; 0 when it was the one who told us. */
  readonly serial: number;
}

/** What one batch removes and adds. */
export interface ElementChange {
  readonly remove: readonly SetElement[];
  readonly add: readonly SetElement[];
}

/**
 * Who sits where. Two senders may need one element, such as a MAC that both have: it stands until neither does. The
 * elements themselves are made anew when they are needed, since a thousand senders have thirty thousand.
 */
export class Sittings {
  readonly #byPort = new Map<number, Sitting>();
  readonly #byWord = new Map<string, Set<number>>();

  get(port: number): Sitting | undefined {
    return this.#byPort.get(port);
  }

  all(): readonly Sitting[] {
    return [...this.#byPort.values()];
  }

  of(container: string, network: string): readonly Sitting[] {
    return this.#with(`${container} ${network}`);
  }

  put(sitting: Sitting): void {
    const port = sitting.place.port.index;
    this.delete(port);
    this.#byPort.set(port, sitting);
    for (const word of words(sitting)) {
      const ports = this.#byWord.get(word);
      if (ports === undefined) this.#byWord.set(word, new Set([port]));
      else ports.add(port);
    }
  }

  delete(port: number): void {
    const sitting = this.#byPort.get(port);
    if (sitting === undefined) return;
    this.#byPort.delete(port);
    for (const word of words(sitting)) {
      const ports = this.#byWord.get(word);
      ports?.delete(port);
      if (ports?.size === 0) this.#byWord.delete(word);
    }
  }

  /** Who sits on this bridge with this address. */
  holding(bridge: number, address: Address): readonly Sitting[] {
    return this.#with(addressWord(address)).filter(({ rules }) => rules.bridge.index === bridge);
  }

  /** Who sits on this bridge with this MAC. */
  withMac(bridge: number, mac: string): readonly Sitting[] {
    return this.#with(macWord(mac)).filter(({ rules }) => rules.bridge.index === bridge);
  }

  /** What has to be done in the kernel when some leave and some come, all of whom need not be here. */
  change(leaving: readonly Seated[], coming: readonly Seated[]): ElementChange {
    const add = coming.flatMap(({ rules, place }) => endpointElements(rules, place));
    const kept = new Map(add.map((one) => [elementId(one), one]));
    const gone = new Set([...leaving, ...coming].map(whoAndWhere));
    for (const neighbour of this.#sharing(leaving))
      if (!gone.has(whoAndWhere(neighbour)))
        for (const one of endpointElements(neighbour.rules, neighbour.place)) {
          const id = elementId(one);
          if (!kept.has(id)) kept.set(id, one);
        }
    const remove = leaving
      .flatMap(({ rules, place }) => endpointElements(rules, place))
      .filter((one) => !isSame(one, kept.get(elementId(one))));
    return { remove, add };
  }

  /** Everybody who may have an element in common with one of these. */
  #sharing(some: readonly Seated[]): ReadonlySet<Sitting> {
    return new Set(some.flatMap((one) => words(one).flatMap((word) => this.#with(word))));
  }

  #with(word: string): readonly Sitting[] {
    return [...(this.#byWord.get(word) ?? [])].flatMap((port) => this.#byPort.get(port) ?? []);
  }
}

const whoAndWhere = ({ container, network, place }: Seated): string => `${container} ${network} ${place.port.index}`;

/** What an element's key may name of a sender, and who it is. */
function words({ container, network, place }: Seated): readonly string[] {
  return [
    `${container} ${network}`,
    `port ${place.port.index}`,
    macWord(place.mac),
    ...place.addresses.map(addressWord),
  ];
}

const macWord = (mac: string): string => `mac ${mac}`;
const addressWord = ({ family, value }: Address): string => `ip${family} ${value}`;

function isSame(a: SetElement, b: SetElement | undefined): boolean {
  return b !== undefined && isSameVerdict(a.element.verdict, b.element.verdict);
}
