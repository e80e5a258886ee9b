import type { Network } from '../../world/world.ts';

/**
 * What a driver means for what containers send, in one line (docs.docker.com, "Network drivers"; for macvlan and ipvlan
 * Linux's own: their packets enter the parent interface below the host's hooks).
 */
const meanings: Readonly<Record<string, string>> = {
  bridge: "through the host, behind its addresses: it passes the host's hooks, where it can be held",
  host: "from the host's own interfaces, as the host: it cannot be told from what the host sends itself",
  null: 'nowhere: there is no interface but the loopback',
  macvlan: "straight through the parent interface: it passes none of the host's hooks, so no rule here sees it",
  ipvlan: "straight through the parent interface: it passes none of the host's hooks, so no rule here sees it",
  overlay: 'to other nodes of the swarm inside VXLAN (UDP 4789), to others through docker_gwbridge: not held here',
};

/** Where packets go by a driver's network, as the article explains them and Docker's documentation (network/drivers). */
export function driverMeaning({ driver }: Pick<Network, 'driver'>): string {
  return Object.hasOwn(meanings, driver)
    ? (meanings[driver] as string)
    : 'as its plugin pleases: which hooks it passes is not known, so it is not held';
}

/** As the docker client shows it: the driver of `none` is called `null`. */
export function driverName({ driver }: Pick<Network, 'driver'>): string {
  return driver === 'null' ? 'none' : driver;
}
