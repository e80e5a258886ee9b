import type { Address } from '../../ip/address.ts';
import { NetlinkError } from '../../netlink/error.ts';
import type { Link, Peer } from '../../netlink/link.ts';
import type { Candidate } from './matching.ts';
import type { BridgePort } from './ports.ts';

/** What is asked of the kernel about the other ends of veths. */
export interface EndPorts {
  /** An interface of ours, freshly read; null when it is gone. @throws NetlinkError */
  link(index: number): Link | null;
  /** The other end of a veth and its addresses; null and none when it is not there. @throws NetlinkError */
  peerLink(peer: Peer): Pick<Link, 'mac' | 'up'> | null;
  peerAddresses(peer: Peer): readonly Address[];
  /** Milliseconds since the epoch, with fractions. */
  now(): number;
}

interface Sight {
  readonly at: number;
  readonly end: Candidate | null;
}

/** Milliseconds between two looks at one port, and how many of them for each port that is looked at. */
const lookAgain = { least: 3, each: 0.1 };

/** What is at the other ends of newcomers' veths; looking is cheap, but not for hundreds every millisecond. */
export class OtherEnds {
  readonly #ports: EndPorts;
  readonly #seen = new Map<number, Sight>();

  constructor(ports: EndPorts) {
    this.#ports = ports;
  }

  /**
   * The other end as it was lately; null while it is not in a container.
   *
   * @param crowd how many ports are looked at
   */
  of(port: BridgePort, crowd: number): Candidate | null {
    const now = this.#ports.now();
    const seen = this.#seen.get(port.index);
    if (seen !== undefined && now - seen.at < Math.max(lookAgain.least, crowd * lookAgain.each)) return seen.end;
    const end = this.#look(port);
    this.#seen.set(port.index, { at: now, end });
    return end;
  }

  forget(port: number): void {
    this.#seen.delete(port);
  }

  #look(port: BridgePort): Candidate | null {
    const peer = unlessRefused(() => this.#peerOf(port));
    if (peer === null) return null;
    const { netns } = peer;
    const { mac = null, up = false } = unlessRefused(() => this.#ports.peerLink(peer)) ?? {};
    if (netns === null || mac === null) return null;
    const addresses = () => unlessRefused(() => this.#ports.peerAddresses(peer)) ?? [];
    return { index: port.index, netns, mac, up, addresses };
  }

  /** Up to engine 27 the other end begins in the host's own namespace, with another MAC, and nobody tells when it moves. */
  #peerOf(port: BridgePort): Peer | null {
    if (port.peer.netns !== null) return port.peer;
    const link = this.#ports.link(port.index);
    const same = link !== null && link.master === port.bridge && link.name === port.name;
    return same && link.peer !== null && link.peer.netns !== null ? link.peer : null;
  }
}

/** Nothing when the kernel refuses to tell: it is asked again. */
export function unlessRefused<T>(ask: () => T): T | null {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError) return null;
    throw error;
  }
}
