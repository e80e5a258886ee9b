import { closeSync, read, writeSync } from 'node:fs';
import {
  forceReceiveBuffer,
  joinGroup,
  openDescriptor,
  type Protocol,
  portIdOf,
  receiveNow,
  socketError,
} from './descriptor.ts';
import { errnos, NetlinkError } from './error.ts';
import { encodeMessage, messageFlags, messageTypes } from './message.ts';

/** Multicast groups we listen to: linux/rtnetlink.h RTNLGRP_LINK, linux/netfilter/nfnetlink.h NFNLGRP_NFTABLES. */
export const groups = {
  links: { protocol: 'route', group: 1 },
  rules: { protocol: 'netfilter', group: 7 },
} as const satisfies Record<string, { protocol: Protocol; group: number }>;

export interface MonitorEars {
  /** One datagram; the bytes are the caller's until the function returns. */
  datagram(bytes: Buffer): void;
  /** The kernel had more to say than it could keep (ENOBUFS): anything may have happened. */
  lost(): void;
  /** Nothing will come any more; an error when nobody asked for that. */
  ended(error: NetlinkError | null): void;
}

const bufferSize = 64 * 1024; // multicasts are 8 KiB long at most (NLMSG_GOODSIZE)
/** How many datagrams are read in one turn of the event loop: some 0.4 ms for nf_tables' own. */
const inOneTurn = 64;

/**
 * Hears what the kernel tells a multicast group, without polling: a thread of libuv's pool waits in read(2), so an idle
 * monitor costs no wakeup, and a busy one reads on without the pool until nothing is left.
 *
 * Measured from the change to the callback (300 link events, kernel 6.18, Node 26): read on the pool 0.11-0.14 ms median and
 * 0.33 ms p95; poll(2) on the pool 0.09 and 0.46; libuv's own poll through process.binding('pipe_wrap') 0.08-0.10 and 0.2,
 * which Node is about to take away (DEP0111). Each monitor holds one of the pool's four threads (UV_THREADPOOL_SIZE) for
 * good, so a process must not have more than two.
 */
export class NetlinkMonitor {
  /** For {@link wakeMonitor}, from whichever thread. */
  readonly fd: number;
  readonly #ears: MonitorEars;
  readonly #buffer = Buffer.alloc(bufferSize);
  #closing = false;

  private constructor(fd: number, ears: MonitorEars) {
    this.fd = fd;
    this.#ears = ears;
  }

  /**
   * What happens from the return on is heard.
   *
   * @param bytesWaiting how much the kernel keeps for us while we are busy, in bytes as it counts them: some 4 KiB for a
   *   link event, and 120 bytes for an element of a set
   * @throws NetlinkError
   */
  static open(what: keyof typeof groups, bytesWaiting: number, ears: MonitorEars): NetlinkMonitor {
    const { protocol, group } = groups[what];
    const fd = openDescriptor(protocol);
    try {
      forceReceiveBuffer(fd, bytesWaiting);
      joinGroup(fd, group);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    const monitor = new NetlinkMonitor(fd, ears);
    monitor.#wait();
    return monitor;
  }

  /** @throws NetlinkError */
  get portId(): number {
    return portIdOf(this.fd);
  }

  /** Ends soon; `ended` tells when. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    wakeMonitor(this.fd);
  }

  #wait(): void {
    read(this.fd, this.#buffer, 0, this.#buffer.length, null, (error, length) => {
      if (error === null) this.#take(length);
      else if (error.errno === -errnos.ENOBUFS) this.#lose();
      else if (error.errno !== -errnos.EINTR) return this.#end(socketError('read', error));
      if (this.#closing) return this.#end(null);
      try {
        this.#takeWaiting();
      } catch (failure) {
        return this.#end(failure instanceof NetlinkError ? failure : socketError('recv', failure));
      }
      if (this.#closing) return this.#end(null);
      this.#wait();
    });
  }

  #takeWaiting(): void {
    for (let count = 0; count < inOneTurn && !this.#closing; count++) {
      try {
        const length = receiveNow(this.fd, this.#buffer);
        if (length === null) return;
        this.#take(length);
      } catch (error) {
        if (!(error instanceof NetlinkError) || error.errno !== errnos.ENOBUFS) throw error;
        this.#lose();
      }
    }
  }

  #take(length: number): void {
    // a monitor asks for nothing, so an answer to us is the one that ends it
    if (length >= 16 && this.#buffer.readUInt16LE(4) === messageTypes.error) this.#closing = true;
    if (!this.#closing) this.#ears.datagram(this.#buffer.subarray(0, length));
  }

  #lose(): void {
    if (!this.#closing) this.#ears.lost();
  }

  #end(error: NetlinkError | null): void {
    this.#closing = true;
    closeSync(this.fd);
    this.#ears.ended(error);
  }
}

/**
 * Ends a monitor from outside its thread: the kernel answers an empty request on its socket, which ends the read that
 * waits there. Without it `process.exit()` would wait for that read for ever.
 *
 * @throws NetlinkError
 */
export function wakeMonitor(fd: number): void {
  const flags = messageFlags.request | messageFlags.ack;
  try {
    writeSync(fd, encodeMessage({ type: messageTypes.nothing, flags, sequence: 0, payload: Buffer.alloc(0) }));
  } catch (error) {
    throw socketError('write', error);
  }
}
