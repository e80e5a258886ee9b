import { getSystemErrorMap } from 'node:util';

export type NetlinkErrorKind =
  /** The kernel refused; `errno` says why (netlink(7), NLMSG_ERROR). */
  | 'refused'
  /** No answer within the time limit. */
  | 'timeout'
  /** Bytes that are not what the protocol says. */
  | 'malformed'
  /** The socket could not be opened or used. */
  | 'socket';

/** What can go wrong between us and the kernel's netlink. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly kind: NetlinkErrorKind;
  /** The error's number as errno(3) has it, positive; 0 where there is none. */
  readonly errno: number;

  constructor(kind: NetlinkErrorKind, message: string, errno = 0) {
    super(message);
    this.kind = kind;
    this.errno = errno;
  }
}

/** Error numbers of Linux that callers tell apart (asm-generic/errno-base.h, errno.h). */
export const errnos = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EOPNOTSUPP: 95,
  ENOBUFS: 105,
} as const;

/** `ENOENT: no such file or directory`, for messages. */
export function describeErrno(errno: number): string {
  const [name, words] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'unknown error'];
  return `${name}: ${words}`;
}
