import { addressOf, bits, maxValue } from '../../ip/address.ts';
import type { Prefix } from '../../ip/prefix.ts';
import type { HostAddress, World } from '../../world/world.ts';
import type { HostInterface, Route, Seat, Surroundings } from './surroundings.ts';

/** What a world tells of its host: every address, every bridge and its containers' ports, and no routes beyond those. */
export function surroundingsOfWorld({ host, networks, containers }: World): Surroundings {
  const bridges = new Set([...(host.bridges ?? []), ...networks.flatMap(({ bridge }) => bridge?.name ?? [])]);
  const bridgeOf = new Map(networks.map(({ id, bridge }) => [id, bridge?.name ?? null]));
  const ports = containers.flatMap(({ endpoints }) =>
    endpoints.flatMap(({ network, port }) =>
      port === null ? [] : [{ name: port.name, master: bridgeOf.get(network) ?? null }],
    ),
  );
  const plain = { addresses: [], brNetfilter: null, rpFilter: null };
  const named = new Map<string, HostInterface>([['lo', { ...plain, name: 'lo', kind: null, master: null }]]);
  for (const { name, master } of ports) named.set(name, { ...plain, name, kind: 'veth', master });
  for (const name of [...bridges, ...host.addresses.map((one) => one.interface)]) {
    const addresses = host.addresses.filter((one) => one.interface === name);
    const isBridge = bridges.has(name);
    const brNetfilter = isBridge ? callsOf(host.bridgeNetfilter) : null;
    named.set(name, { ...plain, name, kind: isBridge ? 'bridge' : null, master: null, addresses, brNetfilter });
  }
  return {
    interfaces: [...named.values()],
    routes: host.addresses.flatMap(routeOf),
    policyRouting: false,
    forwarding: { 4: null, 6: null },
    complete: false,
    seats: seatsOfWorld({ networks, containers }),
  };
}

/** Where a world's containers are. */
export function seatsOfWorld({ networks, containers }: Pick<World, 'networks' | 'containers'>): readonly Seat[] {
  const bridgeOf = new Map(networks.map(({ id, bridge }) => [id, bridge?.name ?? null]));
  return containers.flatMap(({ endpoints }) =>
    endpoints.flatMap(({ network, port, addresses }) => {
      const bridge = bridgeOf.get(network) ?? null;
      if (port === null || bridge === null) return [];
      return addresses.map((address) => ({ address, bridge, port: port.name }));
    }),
  );
}

/** A bridge may have it on by a switch of its own, which a world does not tell of. */
function callsOf(switches: World['host']['bridgeNetfilter']): HostInterface['brNetfilter'] {
  return { 4: switches?.ip === true ? true : null, 6: switches?.ip6 === true ? true : null };
}

function routeOf({ address, length, interface: by }: HostAddress): readonly Route[] {
  if (by === 'lo' || length === bits(address.family)) return [];
  return [{ to: networkOf(address.family, address.value, length), interface: by, source: address }];
}

function networkOf(family: 4 | 6, value: bigint, length: number): Prefix {
  const all = maxValue(family);
  return { address: addressOf(family, value & (all ^ (all >> BigInt(length)))), length };
}
