import type { Link } from '../../netlink/link.ts';
import { type SetElement, senderSets } from '../../nftables/endpoint-elements.ts';
import { element, one } from '../../nftables/statements.ts';
import { isInterfaceName } from '../../world/names.ts';
import type { After } from './lookout.ts';
import type { BridgePort } from './ports.ts';
import type { Closed } from './protocol.ts';

export interface ClosingPorts {
  /** An interface, freshly read; null when it is gone. @throws NetlinkError */
  link(index: number): Link | null;
  /** Ports of the containers that are held. */
  heldPorts(): Iterable<number>;
  /** The bridge is to be closed. */
  close(bridge: number): void;
  now(): number;
  after: After;
}

/** Milliseconds: how often the other end of a veth is looked for, and how long. */
const pause = 2;
const patience = 2_000;

/**
 * Finds held containers that are connected to a bridge which nobody has enrolled: before anybody tells of it, they could
 * send through it what policy forbids. Two veths lead into one container when their other ends are in one namespace, which
 * the host's kernel says.
 *
 * Up to engine 27 the other end begins in the host's own namespace, and nobody tells when it moves.
 */
export class Closing {
  readonly #ports: ClosingPorts;
  /** Namespace of the other end of each held container's port, as far as it was looked at. */
  readonly #namespaces = new Map<number, number>();

  constructor(ports: ClosingPorts) {
    this.#ports = ports;
  }

  /** A port joined a bridge that is not enrolled. */
  arrived(port: BridgePort): void {
    this.#look(port, this.#ports.now() + patience);
  }

  /** A port is gone; its index is never given again. */
  parted(port: number): void {
    this.#namespaces.delete(port);
  }

  #look(port: BridgePort, end: number): void {
    const link = port.peer.netns === null ? this.#ports.link(port.index) : null;
    if (port.peer.netns === null && link?.master !== port.bridge) return;
    const netns = port.peer.netns ?? link?.peer?.netns ?? null;
    if (netns === null) {
      if (this.#ports.now() < end) this.#ports.after(pause, () => this.#look(port, end));
      return;
    }
    for (const held of this.#ports.heldPorts()) {
      if (this.#namespaceOf(held) !== netns) continue;
      this.#ports.close(port.bridge);
      return;
    }
  }

  #namespaceOf(port: number): number | null {
    const known = this.#namespaces.get(port);
    if (known !== undefined) return known;
    const netns = this.#ports.link(port)?.peer?.netns ?? null;
    if (netns !== null) this.#namespaces.set(port, netns);
    return netns;
  }
}

/** What makes a bridge enrolled: whatever comes from it must be proven. */
export function enrolment(bridge: string): SetElement {
  return { table: 'inet', set: 'bridges', key: ['ifname'], element: { key: [{ name: bridge }] } };
}

/**
 * What keeps a bridge shut: enrolled, if its name is one that a rule can carry; else, and when it has only appeared, by
 * its index, under which nobody may send.
 */
export function closure({ name, index }: Closed['bridge'], why: Closed['why']): SetElement {
  if (why === 'connected' && isInterfaceName(name)) return enrolment(name);
  const { ports } = senderSets.inet;
  return { table: 'inet', set: 'ports', key: ports, element: element([one(index)]) };
}

/** What keeps a port shut, on whatever bridge: it is one that is known, with nobody who may send by it. */
export function barring(port: number): readonly SetElement[] {
  return (['bridge', 'inet'] as const).map((table) => ({
    table,
    set: 'ports',
    key: senderSets[table].ports,
    element: element([one(port)]),
  }));
}
