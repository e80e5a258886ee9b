import { addressOf } from '../ip/address.ts';
import type { Link } from '../netlink/link.ts';
import { listAddresses, listLinks } from '../netlink/route.ts';
import { listRoutes, type MainRoute } from '../netlink/routes.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { HostInterface, Route, Surroundings } from '../packetpath/walk/surroundings.ts';
import { readBridgeNetfilter } from './bridge-netfilter.ts';
import { type ReadFile, readSmallFile } from './files.ts';

/**
 * What a packet's way depends on beside the rules, of the network namespace we are in.
 *
 * @throws NetlinkError
 */
export function readSurroundings(readFile: ReadFile = readSmallFile): Surroundings {
  using netlink = NetlinkSocket.open('route');
  const links = listLinks(netlink);
  const addresses = listAddresses(netlink);
  const { routes, more } = listRoutes(netlink);
  const names = new Map(links.map(({ index, name }) => [index, name]));
  const calls = readBridgeNetfilter(readFile);
  const reversePath = switchesOf(readFile, links);
  return {
    interfaces: links.map((link): HostInterface => {
      const bridge = link.kind === 'bridge';
      return {
        name: link.name,
        kind: link.kind,
        master: link.master === null ? null : (names.get(link.master) ?? null),
        addresses: addresses.filter(({ index }) => index === link.index),
        brNetfilter: bridge
          ? {
              4: calls?.ip === true || (calls !== null && link.bridgeCalls?.ip === true),
              6: calls?.ip6 === true || (calls !== null && link.bridgeCalls?.ip6 === true),
            }
          : null,
        rpFilter: reversePath(link.name),
      };
    }),
    routes: routes.toSorted((a, b) => a.metric - b.metric).flatMap((route) => routeOf(route, names)),
    policyRouting: more,
    forwarding: {
      4: flag(readFile('/proc/sys/net/ipv4/ip_forward')),
      6: flag(readFile('/proc/sys/net/ipv6/conf/all/forwarding')),
    },
    complete: true,
  };
}

function routeOf({ family, to, length, out, source }: MainRoute, names: ReadonlyMap<number, string>): readonly Route[] {
  const name = names.get(out);
  const address = to ?? addressOf(family, 0n);
  return name === undefined ? [] : [{ to: { address, length }, interface: name, source }];
}

function flag(text: string | undefined): boolean | null {
  return text === undefined ? null : text.trim() !== '0';
}

/** The greater of the switch for all interfaces and the one's own counts (kernel doc ip-sysctl, rp_filter). */
function switchesOf(readFile: ReadFile, links: readonly Link[]): (name: string) => number | null {
  const valueOf = (name: string): number | null => {
    const text = readFile(`/proc/sys/net/ipv4/conf/${name}/rp_filter`)?.trim() ?? '';
    return /^[0-2]$/.test(text) ? Number(text) : null;
  };
  const all = valueOf('all');
  const own = new Map(links.map(({ name }) => [name, name.includes('/') ? null : valueOf(name)]));
  return (name) => {
    const value = own.get(name) ?? null;
    return all === null || value === null ? null : Math.max(all, value);
  };
}
