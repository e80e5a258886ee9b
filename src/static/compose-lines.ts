import { type Address, addressOf, type Family, formatAddress } from '../ip/address.ts';
import { formatPrefix, prefixInterval } from '../ip/prefix.ts';
import type { Network } from '../world/world.ts';
import { familiesOf, type Occupant, type Occupants } from './occupants.ts';

/** What may stand in a compose file without quotes, and is what it looks like. */
const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/**
 * Lines for a compose file that give services fixed addresses on their networks, the highest that nobody has: the engine
 * gives them out from below. Nothing for containers outside Compose and for names that would need quotes.
 */
export function fixedAddressLines(unsaid: readonly Occupant[], occupants: Occupants): readonly string[] {
  const services = new Map<string, Map<string, string[]>>();
  const taken = new Map<Network, Set<bigint>>();
  for (const occupant of unsaid) {
    const { network, container } = occupant;
    const { service } = container;
    const key = network.composeKey;
    if (service === null || key === null || !plain.test(service) || !plain.test(key)) continue;
    const networks = services.get(service) ?? new Map<string, string[]>();
    services.set(service, networks);
    if (networks.has(key)) continue; // a second container of one service cannot have the same address
    const used = taken.get(network) ?? usedOn(network, occupants);
    taken.set(network, used);
    const addresses = familiesOf(network).flatMap((family) => {
      const free = highestFree(network, family, used);
      return free === undefined ? [] : [`ipv${family}_address: "${formatAddress(free)}"`];
    });
    networks.set(key, addresses);
  }
  if (services.size === 0) return [];
  return [
    'services:',
    ...[...services].flatMap(([service, networks]) => [
      `  ${service}:`,
      '    networks:',
      ...[...networks].flatMap(([key, addresses]) => [`      ${key}:`, ...addresses.map((line) => `        ${line}`)]),
    ]),
  ];
}

/** Lines that give a network the subnets it has now, at every making of it. */
export function fixedSubnetLines({ composeKey, subnets }: Network): readonly string[] {
  if (composeKey === null || !plain.test(composeKey)) return [];
  return [
    'networks:',
    `  ${composeKey}:`,
    '    ipam:',
    '      config:',
    ...subnets.map((subnet) => `        - subnet: "${formatPrefix(subnet)}"`),
  ];
}

/** Lines that give a network's bridge a name that outlives it. */
export function bridgeNameLines({ composeKey, project }: Network): readonly string[] {
  if (composeKey === null || project === null || !plain.test(composeKey) || !/^[a-z0-9_-]+$/.test(project)) return [];
  const whole = `br-${project}${composeKey === 'default' ? '' : `-${composeKey}`}`;
  if (whole.length > 15) return []; // what an interface may be called
  return ['networks:', `  ${composeKey}:`, '    driver_opts:', `      com.docker.network.bridge.name: ${whole}`];
}

function usedOn(network: Network, { on }: Occupants): Set<bigint> {
  const addresses = on(network).flatMap(({ endpoint, fixed }) => [...endpoint.addresses, ...fixed]);
  return new Set([...addresses, ...network.gateways].map(({ value }) => value));
}

/** Counted down from below the subnet's last address (IPv4's broadcast), which is taken from then on. */
function highestFree(network: Network, family: Family, used: Set<bigint>): Address | undefined {
  const subnet = network.subnets.find(({ address }) => address.family === family);
  if (subnet === undefined) return undefined;
  const { low, high } = prefixInterval(subnet);
  for (let value = high - 1n; value > low + 1n && value > high - 4096n; value--) {
    if (used.has(value)) continue;
    used.add(value);
    return addressOf(family, value);
  }
  return undefined;
}
