import { NetlinkError } from '../../netlink/error.ts';
import type { Link } from '../../netlink/link.ts';
import type { After } from './lookout.ts';

interface LinkReadingPorts {
  /** Every interface there is. @throws NetlinkError */
  links(): readonly Link[];
  /** Milliseconds since the epoch. */
  now(): number;
  after: After;
}

/** Milliseconds after which a list is read again that could not be, and for how long that may go on. */
const again = { every: 50, atMost: 5_000 } as const;

/**
 * Reads every interface there is. Where many come and go the kernel may not bring its list to an end before it changes
 * again: it is read a little later then.
 */
export class LinkReading {
  readonly #ports: LinkReadingPorts;
  /** Since when the list could not be read, and what calls the next reading off. */
  #unread: { readonly since: number; readonly callOff: () => void } | null = null;

  constructor(ports: LinkReadingPorts) {
    this.#ports = ports;
  }

  /**
   * `take` gets the list, now or as soon as it can be read, in place of whoever else waits for it.
   *
   * @throws NetlinkError when it could not be read for seconds
   */
  read(take: (links: readonly Link[]) => void): void {
    this.#unread?.callOff();
    const now = this.#ports.now();
    const { since } = this.#unread ?? { since: now };
    let links: readonly Link[];
    try {
      links = this.#ports.links();
    } catch (error) {
      if (!(error instanceof NetlinkError) || now - since > again.atMost) throw error;
      this.#unread = { since, callOff: this.#ports.after(again.every, () => this.read(take)) };
      return;
    }
    this.#unread = null;
    take(links);
  }
}
