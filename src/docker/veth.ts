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

export function indexVeths(links: readonly Link[]): Veths {
  const ports = new Map<string, Port | null>();
  const into = new Map<number, string>();
  for (const { kind, master, peer, name, index } of links) {
    if (kind !== 'veth' || master === null || peer === null || peer.netns === null) continue;
    const key = `${master} ${peer.netns}`;
    ports.set(key, ports.has(key) ? null : { name, index });
    into.set(peer.netns, `${into.get(peer.netns) ?? ''} ${master}:${index}`);
  }
  return {
    port: (bridge, netns) => (netns === null ? null : (ports.get(`${bridge} ${netns}`) ?? null)),
    portsInto: (netns) => into.get(netns) ?? '',
  };
}
