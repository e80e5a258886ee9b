import type { Link, Peer } from '../../netlink/link.ts';
import type { LinkEvent } from '../../netlink/link-events.ts';

/** The host's end of a veth that is a port of a bridge. */
export interface BridgePort {
  readonly index: number;
  readonly name: string;
  /** Index of the bridge. */
  readonly bridge: number;
  readonly peer: Peer;
  /** When we were told of it; null for what was there before we listened. */
  readonly joined: number | null;
}

export type PortChange =
  | { readonly kind: 'joined' | 'altered'; readonly port: BridgePort }
  | { readonly kind: 'parted'; readonly port: BridgePort }
  | { readonly kind: 'bridge'; readonly name: string; readonly index: number; readonly there: boolean };

/** Which bridges there are and which veths are their ports, kept by the kernel's events. */
export class BridgePorts {
  readonly #ports = new Map<number, BridgePort>();
  readonly #bridges = new Map<number, string>();

  get(index: number): BridgePort | undefined {
    return this.#ports.get(index);
  }

  /** The name of a bridge. */
  nameOf(bridge: number): string | undefined {
    return this.#bridges.get(bridge);
  }

  all(): Iterable<BridgePort> {
    return this.#ports.values();
  }

  on(bridge: number): readonly BridgePort[] {
    return [...this.#ports.values()].filter((port) => port.bridge === bridge);
  }

  /** Takes in an event; `now` is when. */
  apply(event: LinkEvent, now: number): readonly PortChange[] {
    switch (event.kind) {
      case 'gone':
        return [...this.#part(event.index), ...this.#bridgeGone(event.index)];
      case 'parted':
        return this.#part(event.index);
      case 'there':
        return [...this.#bridge(event.link), ...this.#port(event.link, now)];
    }
  }

  /** Takes in a whole list, after which nothing that was known before and is not in it is left. */
  reset(links: readonly Link[], now: number | null): readonly PortChange[] {
    const there = new Set(links.map(({ index }) => index));
    const gone = [...this.#ports.keys(), ...this.#bridges.keys()].filter((index) => !there.has(index));
    return [
      ...gone.flatMap((index) => [...this.#part(index), ...this.#bridgeGone(index)]),
      ...links.flatMap((link) => [...this.#bridge(link), ...this.#port(link, now)]),
    ];
  }

  #port({ index, name, kind, master, peer }: Link, now: number | null): readonly PortChange[] {
    const known = this.#ports.get(index);
    if (kind !== 'veth' || master === null || peer === null) return this.#part(index);
    // an index or a name that now means something else is another port
    const same = known !== undefined && known.bridge === master && known.name === name;
    const parted = same ? [] : this.#part(index);
    const port: BridgePort = { index, name, bridge: master, peer, joined: same ? known.joined : now };
    this.#ports.set(index, port);
    return [...parted, { kind: same ? 'altered' : 'joined', port }];
  }

  #part(index: number): readonly PortChange[] {
    const port = this.#ports.get(index);
    if (port === undefined) return [];
    this.#ports.delete(index);
    return [{ kind: 'parted', port }];
  }

  #bridge({ index, name, kind }: Link): readonly PortChange[] {
    const known = this.#bridges.get(index);
    if (kind !== 'bridge') return this.#bridgeGone(index);
    if (known === name) return [];
    const gone = this.#bridgeGone(index);
    this.#bridges.set(index, name);
    return [...gone, { kind: 'bridge', name, index, there: true }];
  }

  #bridgeGone(index: number): readonly PortChange[] {
    const name = this.#bridges.get(index);
    if (name === undefined) return [];
    this.#bridges.delete(index);
    return [{ kind: 'bridge', name, index, there: false }];
  }
}
