import { type Address, formatAddress } from '../ip/address.ts';
import { prefixInterval } from '../ip/prefix.ts';
import type { Link } from '../netlink/link.ts';
import type { InterfaceAddress } from '../netlink/route.ts';
import { isInterfaceName } from '../world/names.ts';
import type { Bridge, Network } from '../world/world.ts';
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

const indices = new WeakMap<readonly NetworkDetails[], NetworkIndex>();

/** The same answer gives the same index. */
export function indexNetworks(networks: readonly NetworkDetails[]): NetworkIndex {
  const known = indices.get(networks);
  if (known !== undefined) return known;
  const index = {
    byId: new Map(networks.map((network) => [network.id, network])),
    byName: new Map(networks.toReversed().map((network) => [network.name, network])),
  };
  indices.set(networks, index);
  return index;
}

/**
 * The engine's networks with what the kernel says of their bridges, sorted by name.
 */
export function buildNetworks(
  networks: readonly NetworkDetails[],
  links: readonly Link[],
  addresses: readonly InterfaceAddress[],
): readonly Network[] {
  const bridges = indexBridges(links);
  return networks
    .map((network): Network => {
      const link = network.driver === 'bridge' ? findBridge(network, bridges) : undefined;
      const bridge = link === undefined || !isInterfaceName(link.name) ? null : bridgeOf(link, bridges);
      const index = link?.index;
      return {
        id: network.id,
        name: network.name,
        driver: network.driver,
        bridge,
        ...(link !== undefined && bridge === null ? { oddBridge: { name: link.name, index: link.index } } : {}),
        subnets: network.subnets,
        gateways:
          index === undefined ? [] : addresses.filter((one) => one.index === index).map(({ address }) => address),
        internal: network.internal,
        ...(network.ipv6 === undefined ? {} : { ipv6: network.ipv6 }),
        ...(network.routers === undefined || network.routers.length === 0 ? {} : { routers: network.routers }),
        ...(network.options.size === 0 ? {} : { options: network.options }),
        ...identifyNetwork(network.labels),
      };
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1));
}

interface Bridges {
  readonly byName: ReadonlyMap<string, Link>;
  /** Names of ports that are no veths, by their bridge's index. */
  readonly foreignPorts: ReadonlyMap<number, readonly string[]>;
}

function indexBridges(links: readonly Link[]): Bridges {
  const ports = links.filter(({ kind, master }) => kind !== 'veth' && master !== null);
  return {
    byName: new Map(links.filter(({ kind }) => kind === 'bridge').map((link) => [link.name, link])),
    foreignPorts: new Map(
      [...Map.groupBy(ports, ({ master }) => master ?? 0)].map(([master, of]) => [
        master,
        of.map(({ name }) => name).toSorted(),
      ]),
    ),
  };
}

type BridgeLink = Link & { readonly mac: string };

/** undefined: deleted meanwhile. */
function findBridge({ id, options }: NetworkDetails, bridges: Bridges): BridgeLink | undefined {
  const link = bridges.byName.get(options.get(bridgeName) || `br-${id.slice(0, 12)}`);
  return link === undefined || link.mac === null ? undefined : { ...link, mac: link.mac };
}

function bridgeOf({ name, index, mac }: BridgeLink, bridges: Bridges): Bridge {
  const foreignPorts = bridges.foreignPorts.get(index);
  return { name, index, mac, ...(foreignPorts !== undefined && { foreignPorts }) };
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
