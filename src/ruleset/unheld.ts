import { formatAddress } from '../ip/address.ts';
import { type AddressSet, setIncludes } from '../ip/address-set.ts';
import type { Mode } from '../policy/model.ts';
import type { Container, Endpoint, Network } from '../world/world.ts';
import { foreignPorts, isBridged } from './enrol.ts';
import { isMac } from './mac.ts';
import type { Unheld } from './ruleset.ts';

/** Why something cannot be held: a stable word, the reason and the next step; and whether it is cut off all the same. */
export type Obstacle = Pick<Unheld, 'code' | 'reason' | 'fix' | 'cutOff'>;

const restart = 'restart the container, then apply again';

export const onHostNetwork: Obstacle = {
  code: 'host-network',
  reason: "it uses the host's network: its packets cannot be told from the host's own",
  fix: 'give it a network of its own, or set `mode: off` for it',
  cutOff: false,
};

export const withoutNamespace: Obstacle = {
  code: 'no-namespace',
  reason: 'it shares the network of a container that is not there',
  fix: 'start the container whose network it shares, then restart it',
  cutOff: false,
};

const withoutNetwork: Obstacle = {
  code: 'no-network',
  reason: 'it is attached to a network that the engine does not list',
  fix: restart,
  cutOff: false,
};

const known = ['macvlan', 'ipvlan', 'overlay'];

function oddlyNamed(network: Network): Obstacle {
  return {
    code: 'bridge-name',
    reason: `the bridge of the network ${JSON.stringify(network.name)} has a name that no rule can carry, so everything it sends there is dropped`,
    fix: 'give the bridge a name of letters, digits and "-" (com.docker.network.bridge.name), and make the network anew',
    cutOff: false,
  };
}

function onDriver(network: Network): Obstacle {
  const driver = known.includes(network.driver) ? network.driver : 'driver';
  return {
    code: driver,
    reason: `its packets through the network ${JSON.stringify(network.name)} (${driver === 'driver' ? 'not a bridge' : driver}) do not cross a bridge of this host`,
    fix: 'attach it to a bridge network instead, or set `mode: off` for it',
    cutOff: false,
  };
}

function besideForeignPorts(network: Network): Obstacle {
  const ports = foreignPorts(network).map((port) => JSON.stringify(port));
  return {
    code: 'foreign-port',
    reason: `the bridge of the network ${JSON.stringify(network.name)} has the port ${ports.join(', ')}, which is no container's: holding the bridge would cut off what is behind it, so everything it sends there is dropped`,
    fix: 'give the containers a network whose bridge is theirs alone, or set `mode: off` for them',
    cutOff: false,
  };
}

/**
 * What is missing to prove that an endpoint's packets are its own; null when nothing is. Without all that proves it there
 * is no element of any set for it, so whatever it has left there is a port that nobody knows.
 *
 * @param dropsUnknown whether the network's bridge drops what comes from whom nobody knows
 * @param hostAddresses all of them
 */
export function obstacleOf(
  endpoint: Endpoint,
  network: Network | undefined,
  dropsUnknown: (network: Network) => boolean,
  hostAddresses: AddressSet,
): Obstacle | null {
  if (network === undefined) return withoutNetwork;
  if (network.oddBridge !== undefined) return oddlyNamed(network);
  if (network.bridge === null) return onDriver(network);
  if (!isBridged(network)) return besideForeignPorts(network);
  const cutOff = dropsUnknown(network);
  const so = cutOff ? 'everything it sends there is dropped' : 'what it sends there is not judged as its own';
  const missing = (code: string, what: string): Obstacle => ({
    code,
    reason: `${what} on the network ${JSON.stringify(network.name)} is not known, so ${so}`,
    fix: restart,
    cutOff,
  });
  if (endpoint.port === null) return missing('no-port', 'its port on the bridge');
  if (endpoint.mac === null || !isMac(endpoint.mac)) return missing('no-mac', 'its MAC address');
  if (endpoint.addresses.length === 0) return missing('no-address', 'its address');
  const hosts = endpoint.addresses.find((address) => setIncludes(hostAddresses, address));
  if (hosts === undefined) return null;
  return {
    code: 'host-address',
    reason: `its address ${formatAddress(hosts)} on the network ${JSON.stringify(network.name)} is the host's own, and it could answer for the host, so ${so}`,
    fix: 'give it another address, or the network another subnet',
    cutOff,
  };
}

/** Whether policy wants it enforced and nothing sees to it. */
export function isOpen({ wanted, cutOff }: Pick<Unheld, 'wanted' | 'cutOff'>): boolean {
  return wanted === 'enforce' && !cutOff;
}

/** Whether all that keeps a container from being held cuts it off. */
export function isCutOff(its: readonly Pick<Unheld, 'cutOff'>[]): boolean {
  return its.length > 0 && its.every(({ cutOff }) => cutOff);
}

/** Says of a container that it is not held, and in which mode it was to be. */
export function unheld(container: Container, workload: string, obstacle: Obstacle, wanted: Mode): Unheld {
  return { container: { id: container.id, name: container.name }, workload, ...obstacle, wanted };
}
