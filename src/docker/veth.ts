import type { Link } from '../netlink/link.ts';

export interface Port {
  readonly name: string;
  readonly index: number;
}

/**
 * The host's end of the veth by which a network namespace is joined to a bridge: the port of that bridge whose other
 * end is there. Both facts are the host's; nothing that can be changed from inside the container is asked.
 *
 * @param netns as `KernelView.netnsIdOf` names the container's namespace; null when it has none
 * @returns null when there is no such port, or more than one
 */
export function findPort(links: readonly Link[], bridge: number, netns: number | null): Port | null {
  if (netns === null) return null;
  const ports = links.filter(({ kind, master, peer }) => kind === 'veth' && master === bridge && peer?.netns === netns);
  const [port, ...more] = ports;
  return port === undefined || more.length > 0 ? null : { name: port.name, index: port.index };
}
