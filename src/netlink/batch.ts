import { encodeMessage, messageFlags } from './message.ts';
import type { NetlinkSocket, Refusal } from './socket.ts';

/** linux/netfilter/nfnetlink.h */
const subsystem = 10; // NFNL_SUBSYS_NFTABLES
const beginBatch = 0x10;
const endBatch = 0x11;

/** NLM_F_CREATE; without NLM_F_EXCL what is there already is no error. */
export const create = 0x400;
/** NLM_F_EXCL */
export const exclusive = 0x200;

/** One change of nf_tables. */
export interface BatchMessage {
  /** NFT_MSG_* of linux/netfilter/nf_tables.h. */
  readonly type: number;
  /** Besides NLM_F_REQUEST. */
  readonly flags: number;
  /** struct nfgenmsg, then attributes. */
  readonly payload: Buffer;
}

/**
 * Sends changes of nf_tables as one transaction: all of it, or nothing.
 *
 * @returns what was refused, by position among `messages`; -1 stands for all of them. None: all of it is done
 * @throws NetlinkError
 */
export function sendBatch(
  netlink: Pick<NetlinkSocket, 'sendTogether'>,
  messages: readonly BatchMessage[],
): readonly Refusal[] {
  const acknowledged = messages.length; // the last one: position 0 is the batch's own beginning
  const refusals = netlink.sendTogether({ count: messages.length + 2, acknowledged }, (first) =>
    encodeBatch(messages, first),
  );
  return refusals.map(({ position, errno }) => ({ position: position - 1, errno }));
}

function encodeBatch(messages: readonly BatchMessage[], first: number): Buffer {
  const bound = (type: number, sequence: number) =>
    encodeMessage({ type, flags: messageFlags.request, sequence, payload: Buffer.from([0, 0, 0, subsystem]) });
  const encoded = messages.map(({ type, flags, payload }, index) => {
    const last = index === messages.length - 1 ? messageFlags.ack : 0;
    return encodeMessage({
      type: (subsystem << 8) | type,
      flags: messageFlags.request | last | flags,
      sequence: (first + 1 + index) >>> 0,
      payload,
    });
  });
  const end = (first + 1 + messages.length) >>> 0;
  return Buffer.concat([bound(beginBatch, first), ...encoded, bound(endBatch, end)]);
}
