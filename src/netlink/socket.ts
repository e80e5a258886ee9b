import { closeSync, readSync, writeSync } from 'node:fs';
import {
  forceReceiveBuffer,
  forceSendBuffer,
  limitReads,
  openDescriptor,
  type Protocol,
  portIdOf,
  preferStrict,
  socketError,
} from './descriptor.ts';
import { describeErrno, errnos, NetlinkError } from './error.ts';
import { decodeDatagram, encodeMessage, errnoOf, type Message, messageFlags, messageTypes } from './message.ts';

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

/** A message of a batch that the kernel refused. */
export interface Refusal {
  /** Which one, counted from 0. */
  readonly position: number;
  readonly errno: number;
}

/** Milliseconds for one read, and for a whole answer: the kernel answers at once or not at all. */
const readLimit = 2_000;
const answerLimit = 20_000;
const dumpAttempts = 10;
/** Refusals that an ordinary receive buffer holds; each counts for some 800 bytes. */
const ordinaryAnswers = 128;
/** Well within net.core.wmem_default (208 KiB); a longer datagram needs a send buffer of its length (af_netlink.c). */
const longestOrdinaryWrite = 128 * 1024;
const bufferSize = 256 * 1024; // the kernel makes datagrams of a dump 32 KiB long at most

/** A netlink socket of the namespace we are in. Every call blocks, and ends within the limits above. */
export class NetlinkSocket implements Netlink, Disposable {
  /** Open until it is disposed of. */
  readonly fd: number;
  readonly #buffer = Buffer.alloc(bufferSize);
  #sequence = 0;
  #longestWrite = longestOrdinaryWrite;
  #mostAnswers = ordinaryAnswers;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /** @throws NetlinkError `socket` */
  static open(protocol: Protocol): NetlinkSocket {
    const fd = openDescriptor(protocol);
    try {
      limitReads(fd, readLimit);
      preferStrict(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new NetlinkSocket(fd);
  }

  /** By which the kernel tells others who changed something. @throws NetlinkError */
  get portId(): number {
    return portIdOf(this.fd);
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

  /**
   * Sends messages that belong together in one write, and waits until the kernel has done with them.
   *
   * @param count how many messages there are
   * @param acknowledged position of the one that asks for an acknowledgement, after which no other is refused
   * @param encode writes them, numbered one by one from the sequence given
   * @returns those that were refused; none: all of it is done
   * @throws NetlinkError
   */
  sendTogether(
    { count, acknowledged }: { readonly count: number; readonly acknowledged: number },
    encode: (firstSequence: number) => Buffer,
  ): readonly Refusal[] {
    const first = (this.#sequence + 1) >>> 0;
    this.#sequence = (this.#sequence + count) >>> 0;
    if (count > this.#mostAnswers) {
      forceReceiveBuffer(this.fd, count * 1024);
      this.#mostAnswers = count;
    }
    this.#write(encode(first));
    const refusals: Refusal[] = [];
    const end = performance.now() + answerLimit;
    while (performance.now() < end) {
      for (const message of this.#receive()) {
        const position = (message.sequence - first) >>> 0;
        if (message.type !== messageTypes.error || position >= count) continue;
        const errno = errnoOf(message);
        if (errno !== 0) refusals.push({ position, errno });
        // refused as a whole (no permission, no memory, not committed) the first message stands for all
        if (position === acknowledged || (position === 0 && errno !== 0)) return refusals;
      }
    }
    throw new NetlinkError('timeout', `no end of the kernel's answer within ${answerLimit} ms`);
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
    this.#write(encodeMessage(message));
  }

  #write(bytes: Buffer): void {
    if (bytes.length > this.#longestWrite) {
      forceSendBuffer(this.fd, bytes.length); // the kernel doubles it, for its own bookkeeping
      this.#longestWrite = bytes.length;
    }
    try {
      writeSync(this.fd, bytes);
    } catch (error) {
      throw socketError('write', error);
    }
  }

  /** One datagram's messages, copied out of the buffer, so that the next read cannot change them. */
  #receive(): readonly Message[] {
    let length: number;
    try {
      length = readSync(this.fd, this.#buffer, 0, this.#buffer.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN')
        throw new NetlinkError('timeout', `the kernel did not answer within ${readLimit} ms`, errnos.EAGAIN);
      throw socketError('read', error);
    }
    return decodeDatagram(Buffer.from(this.#buffer.subarray(0, length)));
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
