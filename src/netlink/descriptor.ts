import { closeSync } from 'node:fs';
import koffi from 'koffi';
import { describeErrno, errnos, NetlinkError } from './error.ts';

/** linux/netlink.h: the families of netlink we speak. */
export const protocols = { route: 0, netfilter: 12 } as const;
export type Protocol = keyof typeof protocols;

// sys/socket.h and bits of it that have no name in Node
const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_GET_STRICT_CHK = 12;
/** struct sockaddr_nl: u16 family, u16 pad, u32 port id, u32 groups. */
const addressSize = 12;

interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly bind: (fd: number, address: Buffer, length: number) => number;
  readonly getsockname: (fd: number, address: Buffer, length: Buffer) => number;
  readonly setsockopt: (fd: number, level: number, name: number, value: Buffer, length: number) => number;
  readonly recv: (fd: number, buffer: Buffer, length: number, flags: number) => number;
}

let loaded: Libc | undefined;

/** The calls Node has no name for; loaded at the first socket, so that commands without one do not pay. */
function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    recv: library.func('long recv(int, void *, unsigned long, int)'),
  };
  return loaded;
}

/**
 * A netlink socket of the namespace we are in, with a port id that the kernel chose.
 *
 * @returns its file descriptor, which the caller closes
 * @throws NetlinkError `socket`
 */
export function openDescriptor(protocol: Protocol): number {
  const fd = libc().socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocols[protocol]);
  if (fd < 0) throw callError('socket');
  const address = Buffer.alloc(addressSize);
  address.writeUInt16LE(AF_NETLINK);
  if (libc().bind(fd, address, address.length) < 0) {
    const error = callError('bind');
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** The port id by which the kernel names the socket in what it tells others (getsockname(2)). @throws NetlinkError */
export function portIdOf(fd: number): number {
  const address = Buffer.alloc(addressSize);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(addressSize);
  if (libc().getsockname(fd, address, length) < 0) throw callError('getsockname');
  return address.readUInt32LE(4);
}

/** Ends every read that has not begun to give something after so many milliseconds. @throws NetlinkError */
export function limitReads(fd: number, milliseconds: number): void {
  const limit = Buffer.alloc(16); // struct timeval: seconds, microseconds
  limit.writeBigInt64LE(BigInt(Math.floor(milliseconds / 1000)));
  limit.writeBigInt64LE(BigInt((milliseconds % 1000) * 1000), 8);
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, limit);
}

/**
 * Filters in dumps are obeyed or refused, never ignored (Linux 5.0), and an error does not bring back the message it is
 * about (Linux 4.3); older kernels know no such options, and nothing depends on them.
 */
export function preferStrict(fd: number): void {
  for (const option of [NETLINK_GET_STRICT_CHK, NETLINK_CAP_ACK])
    libc().setsockopt(fd, SOL_NETLINK, option, number(1), 4);
}

/** Joins a multicast group of the socket's family. @throws NetlinkError */
export function joinGroup(fd: number, group: number): void {
  setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, number(group));
}

/** How many bytes may wait to be read, beyond the system's limit for ordinary users. @throws NetlinkError */
export function forceReceiveBuffer(fd: number, bytes: number): void {
  setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, number(bytes));
}

/** How many bytes one message may have, beyond the system's limit for ordinary users. @throws NetlinkError */
export function forceSendBuffer(fd: number, bytes: number): void {
  setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, number(bytes));
}

/**
 * Reads a datagram that waits, without waiting for one.
 *
 * @returns its length; null when there is none
 * @throws NetlinkError `socket`, with ENOBUFS when the kernel had to drop some
 */
export function receiveNow(fd: number, buffer: Buffer): number | null {
  const length = libc().recv(fd, buffer, buffer.length, MSG_DONTWAIT);
  if (length >= 0) return length;
  const error = callError('recv');
  if (error.errno === errnos.EAGAIN || error.errno === errnos.EINTR) return null;
  throw error;
}

function setOption(fd: number, level: number, name: number, value: Buffer): void {
  if (libc().setsockopt(fd, level, name, value, value.length) < 0) throw callError('setsockopt');
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function callError(call: string): NetlinkError {
  const errno = koffi.errno();
  return new NetlinkError('socket', `netlink ${call}: ${describeErrno(errno)}`, errno);
}

/** The error of a read or write by Node's own calls. */
export function socketError(call: string, error: unknown): NetlinkError {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return new NetlinkError('socket', `netlink ${call}: ${message}`, Math.abs(errno));
}
