import { closeSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { describeErrno, errnos, NetlinkError } from './error.ts';
import { decodeDatagram, encodeMessage, errnoOf, type Message, messageFlags, messageTypes } from './message.ts';

/** linux/netlink.h: the families of netlink we speak. */
export const protocols = { route: 0, netfilter: 12 } as const;

/** A request to the kernel: message type, flags besides NLM_F_REQUEST, and the payload. */
export interface Request {
  readonly type: number;
  readonly flags?: number;
  readonly payload: Buffer;
}

/** A conversation with the kernel over netlink. */
export interface Netlink {
  /**
   * Sends one request and returns what it is answered with, acknowledgements left out.
   *
   * @throws NetlinkError
   */
  ask(request: Request): readonly Message[];
  /**
   * Asks for a whole list, read as it comes and kept where `read` gives something; asks again when the list changed
   * meanwhile.
   *
   * @throws NetlinkError
   */
  dump<T>(request: Request, read: (message: Message) => T | undefined): readonly T[];
}

/** Milliseconds for one read, and for a whole answer: the kernel answers at once or not at all. */
const readLimit = 2_000;
const answerLimit = 20_000;
const dumpAttempts = 10;
const bufferSize = 256 * 1024; // the kernel makes datagrams of a dump 32 KiB long at most

/** A netlink socket of the namespace we are in. Every call blocks, and ends within the limits above. */
export class NetlinkSocket implements Netlink, Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(bufferSize);
  #sequence = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @throws NetlinkError `socket` */
  static open(protocol: keyof typeof protocols): NetlinkSocket {
    return new NetlinkSocket(openDescriptor(protocols[protocol]));
  }

  ask(request: Request): readonly Message[] {
    return this.#exchange(request, messageFlags.ack, (message) => message).answers;
  }

  dump<T>(request: Request, read: (message: Message) => T | undefined): readonly T[] {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const { answers, interrupted } = this.#exchange(request, messageFlags.dump, read);
      if (!interrupted) return answers;
    }
    throw new NetlinkError('timeout', `the kernel's list changed during each of ${dumpAttempts} readings`);
  }

  #exchange<T>(
    request: Request,
    flags: number,
    read: (message: Message) => T | undefined,
  ): { answers: readonly T[]; interrupted: boolean } {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const sequence = this.#sequence;
    this.#send({
      type: request.type,
      flags: messageFlags.request | flags | (request.flags ?? 0),
      sequence,
      payload: request.payload,
    });
    const answers: T[] = [];
    let interrupted = false;
    const end = performance.now() + answerLimit;
    while (performance.now() < end) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence) continue; // late answer to a request that ran out of time
        interrupted ||= (message.flags & messageFlags.dumpInterrupted) !== 0;
        if (message.type === messageTypes.error) {
          const errno = errnoOf(message);
          if (errno !== 0) throw new NetlinkError('refused', `the kernel refused: ${describeErrno(errno)}`, errno);
          return { answers, interrupted };
        }
        if (message.type === messageTypes.done) {
          // since Linux 4.14 a dump that failed half-way says so in its last message
          const errno = message.payload.length >= 4 ? errnoOf(message) : 0;
          if (errno !== 0)
            throw new NetlinkError('refused', `the kernel's list broke off: ${describeErrno(errno)}`, errno);
          return { answers, interrupted };
        }
        const answer = read(message);
        if (answer !== undefined) answers.push(answer);
      }
    }
    throw new NetlinkError('timeout', `no end of the kernel's answer within ${answerLimit} ms`);
  }

  #send(message: Message): void {
    try {
      writeSync(this.#fd, encodeMessage(message));
    } catch (error) {
      throw socketError('write', error);
    }
  }

  /** One datagram's messages, copied out of the buffer, so that the next read cannot change them. */
  #receive(): readonly Message[] {
    let length: number;
    try {
      length = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN')
        throw new NetlinkError('timeout', `the kernel did not answer within ${readLimit} ms`, errnos.EAGAIN);
      throw socketError('read', error);
    }
    return decodeDatagram(Buffer.from(this.#buffer.subarray(0, length)));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

function socketError(call: string, error: unknown): NetlinkError {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return new NetlinkError('socket', `netlink ${call}: ${message}`, Math.abs(errno));
}

// sys/socket.h and bits of it that have no name in Node
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_GET_STRICT_CHK = 12;

interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Buffer, length: number) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number;
}

let loaded: Libc | undefined;

/** The three calls Node has no name for; loaded at the first socket, so that commands without one do not pay. */
function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  };
  return loaded;
}

function openDescriptor(protocol: number): number {
  const { socket, bind, setsockopt } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
  if (fd < 0) throw callError('socket');
  const address = Buffer.alloc(12); // struct sockaddr_nl: family, pad, port id 0 (the kernel chooses), no groups
  address.writeUInt16LE(AF_NETLINK);
  const limit = Buffer.alloc(16); // struct timeval: seconds, microseconds
  limit.writeBigInt64LE(BigInt(readLimit / 1000));
  if (bind(fd, address, address.length) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, limit, limit.length) < 0) {
    const error = callError('bind');
    closeSync(fd);
    throw error;
  }
  // Filters in dumps are obeyed or refused, never ignored (Linux 5.0; older kernels know no such option).
  const on = Buffer.of(1, 0, 0, 0);
  setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, on.length);
  return fd;
}

function callError(call: string): NetlinkError {
  const errno = koffi.errno();
  return new NetlinkError('socket', `netlink ${call}: ${describeErrno(errno)}`, errno);
}
