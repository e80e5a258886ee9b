import type { Link } from '../netlink/link.ts';

export interface Port {
  readonly name: string;
  readonly index: number;
}

/** The veths of the host by the bridge they are ports of and the namespace their other end is in. */
export interface Veths {
  /**
   * The host's end of the veth by which a network namespace is joined to a bridge: the port of that bridge whose other
   * end is there. Both facts are the host's; nothing that can be changed from inside the container is asked.
   *
   * @param netns as `KernelView.netnsIdOf` names the container's namespace; null when it has none
   * @returns null when there is no such port, or more than one
   */
  port(bridge: number, netns: number | null): Port | null;
  /** All ports of bridges whose other end is in this namespace, as a text to compare: indices are never given again. */
  portsInto(netns: number): string;
}

/** @param links all of the host's own namespace; those that are no veth, no port, or whose other end is here are left out */
export function indexVeths(links: readonly Link[]): Veths {
  const byNetns = new Map<number, Link[]>();
  for (const link of links) {
    if (link.kind !== 'veth' || link.master === null || link.peer === null || link.peer.netns === null) continue;
    const known = byNetns.get(link.peer.netns);
    if (known === undefined) byNetns.set(link.peer.netns, [link]);
    else known.push(link);
  }
  return {
    port: (bridge, netns) => {
      const ports = netns === null ? [] : (byNetns.get(netns) ?? []).filter(({ master }) => master === bridge);
      const [port, ...more] = ports;
      return port === undefined || more.length > 0 ? null : { name: port.name, index: port.index };
    },
    portsInto: (netns) => (byNetns.get(netns) ?? []).map(({ master, index }) => `${master}:${index}`).join(' '),
  };
}
