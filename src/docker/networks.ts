import { type Address, formatAddress } from '../ip/address.ts';
import { prefixInterval } from '../ip/prefix.ts';
import type { Link } from '../netlink/link.ts';
import type { InterfaceAddress } from '../netlink/route.ts';
import { isInterfaceName } from '../world/names.ts';
import type { Network } from '../world/world.ts';
import type { NetworkDetails } from './engine-api.ts';
import { identifyNetwork } from './identity.ts';

/** Name of the network that containers get who name none; its option `default_bridge` is what makes it that one. */
export const defaultNetwork = 'bridge';
const bridgeName = 'com.docker.network.bridge.name';

/** The engine's networks by id, and by name; of several with one name (API up to 1.43) the first. */
export interface NetworkIndex {
  readonly byId: ReadonlyMap<string, NetworkDetails>;
  readonly byName: ReadonlyMap<string, NetworkDetails>;
}

export function indexNetworks(networks: readonly NetworkDetails[]): NetworkIndex {
  return {
    byId: new Map(networks.map((network) => [network.id, network])),
    byName: new Map(networks.toReversed().map((network) => [network.name, network])),
  };
}

/**
 * The engine's networks with what the kernel says of their bridges, sorted by name.
 */
export function buildNetworks(
  networks: readonly NetworkDetails[],
  links: readonly Link[],
  addresses: readonly InterfaceAddress[],
): readonly Network[] {
  return networks
    .map((network): Network => {
      const bridge = network.driver === 'bridge' ? findBridge(network, links) : null;
      return {
        id: network.id,
        name: network.name,
        driver: network.driver,
        bridge,
        subnets: network.subnets,
        gateways:
          bridge === null ? [] : addresses.filter(({ index }) => index === bridge.index).map(({ address }) => address),
        internal: network.internal,
        ...identifyNetwork(network.labels),
      };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1));
}

function findBridge({ id, options }: NetworkDetails, links: readonly Link[]): Network['bridge'] {
  const interfaceName = options.get(bridgeName) || `br-${id.slice(0, 12)}`;
  const link = links.find((one) => one.kind === 'bridge' && one.name === interfaceName);
  if (link === undefined || link.mac === null) return null; // deleted meanwhile
  // a name that no rule can carry: its containers cannot be held, and others must not suffer for it
  if (!isInterfaceName(link.name)) return null;
  const foreignPorts = links
    .filter((port) => port.master === link.index && port.kind !== 'veth')
    .map((port) => port.name)
    .toSorted();
  return { name: link.name, index: link.index, mac: link.mac, ...(foreignPorts.length > 0 && { foreignPorts }) };
}

/**
 * What `host.docker.internal` means: the engine's `host-gateway-ip`, else the host's addresses on the default bridge
 * that lie in its subnets (moby, daemon_unix.go, setHostGatewayIP; up to 27 only the first of them, the IPv4 one, which
 * makes the IPv6 one a further address of the host that a container may name as its gateway anyway).
 */
export function hostGateway(networks: readonly Network[], set: readonly Address[]): readonly Address[] {
  if (set.length > 0) return set;
  const network = networks.find(({ name, driver }) => name === defaultNetwork && driver === 'bridge');
  if (network === undefined) return [];
  const inSubnet = ({ family, value }: Address) =>
    network.subnets.some((subnet) => {
      const { low, high } = prefixInterval(subnet);
      return subnet.address.family === family && value >= low && value <= high;
    });
  return network.gateways.filter(inSubnet).toSorted((a, b) => (formatAddress(a) < formatAddress(b) ? -1 : 1));
}
