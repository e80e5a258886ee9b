import { aligned } from './attribute.ts';
import { NetlinkError } from './error.ts';

/** One netlink message (struct nlmsghdr) without its head. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The family's own header, then attributes. */
  readonly payload: Buffer;
}

const head = 16; // u32 length, u16 type, u16 flags, u32 sequence, u32 port id

/** linux/netlink.h */
export const messageTypes = { nothing: 1, error: 2, done: 3 } as const;
export const messageFlags = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  /** The list changed while it was dumped: what came may be incomplete. */
  dumpInterrupted: 0x10,
  dump: 0x300,
} as const;

/** A message as bytes; the kernel fills in the port id. */
export function encodeMessage(message: Message): Buffer {
  const bytes = Buffer.alloc(aligned(head + message.payload.length));
  bytes.writeUInt32LE(head + message.payload.length, 0);
  bytes.writeUInt16LE(message.type, 4);
  bytes.writeUInt16LE(message.flags, 6);
  bytes.writeUInt32LE(message.sequence, 8);
  bytes.set(message.payload, head);
  return bytes;
}

/**
 * The messages of one datagram.
 *
 * @throws NetlinkError `malformed` when it was cut off or a length does not fit
 */
export function decodeDatagram(bytes: Buffer): readonly Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    const length = left < head ? 0 : bytes.readUInt32LE(at);
    if (length < head || length > left)
      throw new NetlinkError('malformed', `netlink message of ${length} bytes where ${left} are left`);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + head, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/** The error number of an NLMSG_ERROR, positive; 0 is an acknowledgement. */
export function errnoOf(message: Message): number {
  if (message.payload.length < 4) throw new NetlinkError('malformed', 'netlink error message without a number');
  return Math.abs(message.payload.readInt32LE());
}
