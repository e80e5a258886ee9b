import type { Address } from '../ip/address.ts';
import { protocolNumbers } from '../ip/protocol.ts';
import type { Listing, Rule } from '../packetpath/model.ts';
import type { Explained } from '../packetpath/purpose/types.ts';
import { parseMac } from '../packetpath/read/values.ts';
import { firstPacket } from '../packetpath/walk/ask.ts';
import { surroundingsOfWorld } from '../packetpath/walk/of-world.ts';
import { spanOf } from '../packetpath/walk/packet.ts';
import type { Surroundings } from '../packetpath/walk/surroundings.ts';
import { walkPacket } from '../packetpath/walk/walk.ts';
import type { Container, Network, World } from '../world/world.ts';
import type { Family } from './neighbours.ts';

/** A running container on a network, as its neighbours know it. */
export interface Attached {
  readonly container: Container;
  readonly address: Address;
  readonly mac: string | null;
  /** The host's end of its veth. */
  readonly port: string;
}

const everyPort = { low: 1n, high: 65_535n };

/** Follows packets between neighbours through everybody's rules but Sluice's, with br_netfilter on for their bridge. */
export class NeighbourWalk {
  readonly #listing: Listing;
  readonly #surroundings: Surroundings;
  readonly #containers: readonly Container[];
  readonly #attached = new Map<string, readonly Attached[]>();

  constructor(rules: Explained, world: World) {
    this.#listing = withoutSluices(rules);
    const around = surroundingsOfWorld(world);
    const interfaces = around.interfaces.map((one) =>
      one.kind === 'bridge' ? { ...one, brNetfilter: { 4: true, 6: true } } : one,
    );
    this.#surroundings = { ...around, interfaces };
    this.#containers = world.containers.filter(({ running }) => running);
  }

  /** Who is on a network with an address of a family, in the world's order. */
  attachedTo({ id }: Network, family: Family): readonly Attached[] {
    const key = `${id} ${family}`;
    const known = this.#attached.get(key) ?? this.#containers.flatMap((one) => attachedBy(one, id, family));
    this.#attached.set(key, known);
    return known;
  }

  /** Whether the first packet of TCP from one to the other stays on their bridge, and is stopped by that rule for certain. */
  endsAt(rule: Rule, bridge: string, from: Attached, to: Attached): boolean {
    const asked = firstPacket({
      from: { in: { kind: 'name', name: bridge }, port: { kind: 'name', name: from.port } },
      family: from.address.family,
      mac: (from.mac === null ? undefined : parseMac(from.mac)) ?? null,
      source: spanOf(from.address),
      destination: spanOf(to.address),
      protocol: protocolNumbers.tcp,
      port: everyPort,
    });
    return walkPacket(this.#listing, this.#surroundings, asked).outcomes.every(
      ({ by, events }) => by.kind === 'rule' && by.at.rule === rule && events.some(({ kind }) => kind === 'bridged'),
    );
  }
}

function attachedBy(container: Container, network: string, family: Family): readonly Attached[] {
  return container.endpoints
    .filter((one) => one.network === network)
    .flatMap(({ addresses, mac, port }) => {
      const address = addresses.find((one) => one.family === family);
      return address === undefined || port === null ? [] : [{ container, address, mac, port: port.name }];
    });
}

function withoutSluices({ tables, unread }: Explained): Listing {
  return {
    tables: tables
      .filter(({ maker }) => maker !== 'sluice')
      .map(({ table, chains }) => ({
        ...table,
        chains: chains.map(({ chain, rules }) => ({
          ...chain,
          rules: rules.flatMap(({ rule, purpose }) => (purpose.maker === 'sluice' ? [] : [rule])),
        })),
      })),
    unread,
  };
}
