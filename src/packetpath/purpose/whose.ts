import { addressOf, type Family, formatAddress } from '../../ip/address.ts';
import type { Interval } from '../../ip/interval.ts';
import { prefixInterval } from '../../ip/prefix.ts';
import type { Network, World } from '../../world/world.ts';
import type { ContainerRef, NetworkRef } from './types.ts';

/** Who is behind a bridge, an address, a block of addresses, as far as an engine was asked. */
export class Whose {
  readonly #asked: boolean;
  readonly #networks: ReadonlyMap<string, Network>;
  readonly #containers: ReadonlyMap<string, ContainerRef>;
  readonly #ports: ReadonlyMap<string, string>;
  readonly #subnets: readonly { readonly family: Family; readonly block: Interval; readonly network: NetworkRef }[];

  constructor(world: World | null) {
    this.#asked = world !== null;
    const networks = world?.networks ?? [];
    this.#networks = new Map(networks.flatMap((one) => (one.bridge === null ? [] : [[one.bridge.name, one]])));
    this.#subnets = networks.flatMap(({ bridge, subnets }) =>
      bridge === null
        ? []
        : subnets.map((prefix) => ({
            family: prefix.address.family,
            block: prefixInterval(prefix),
            network: this.network(bridge.name),
          })),
    );
    this.#ports = new Map(
      (world?.containers ?? []).flatMap(({ endpoints, name }) =>
        endpoints.flatMap(({ port }) => (port === null ? [] : [[port.name, name] as const])),
      ),
    );
    this.#containers = new Map(
      (world?.containers ?? []).flatMap(({ endpoints, name, project, service }) =>
        endpoints.flatMap(({ addresses }) =>
          addresses.map((address): [string, ContainerRef] => {
            const text = formatAddress(address);
            return [text, { address: text, name, project, service }];
          }),
        ),
      ),
    );
  }

  network(bridge: string): NetworkRef {
    const found = this.#networks.get(bridge);
    return { bridge, name: found?.name ?? null, project: found?.project ?? null };
  }

  /** Whether the engine was asked and has no network on a bridge. */
  isGone(bridge: string): boolean {
    return this.#asked && !this.#networks.has(bridge);
  }

  container(family: Family, value: bigint): ContainerRef {
    const text = formatAddress(addressOf(family, value));
    return this.#containers.get(text) ?? { address: text, name: null, project: null, service: null };
  }

  /** A bridge's port for people: `NAME (PORT)`, or the port where nobody is known to be there. */
  portText(port: string): string {
    const name = this.#ports.get(port);
    return name === undefined ? port : `${name} (${port})`;
  }

  /** The one network that has an address. */
  networkOf(family: Family, value: bigint): NetworkRef | null {
    return this.within(family, { low: value, high: value })[0] ?? null;
  }

  /** Networks whose subnets have a part in a block, unless the block is every address there is. */
  within(family: Family, { low, high }: Interval): readonly NetworkRef[] {
    if (low === 0n && high > 1n << BigInt(family === 4 ? 31 : 127)) return [];
    return this.#subnets
      .filter((one) => one.family === family && one.block.low <= high && low <= one.block.high)
      .map(({ network }) => network);
  }
}

/** A network for people: its engine's name, or its bridge where it has none or is the default one. */
export function networkText({ name, bridge }: NetworkRef): string {
  return name === null || name === 'bridge' ? bridge : name; // the default network is better known as docker0
}

/** A container for people: `NAME (ADDRESS)`, or the address where nobody is known to have it. */
export function containerText({ name, address }: ContainerRef): string {
  return name === null ? address : `${name} (${address})`;
}
