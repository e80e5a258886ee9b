import { NetlinkError } from './error.ts';
import { decodeLink, type Link, linkHead } from './link.ts';
import { decodeDatagram } from './message.ts';

/** What the kernel tells the group of links (rtnetlink(7)). */
export type LinkEvent =
  /** It is there, or something of it has changed. */
  | { readonly kind: 'there'; readonly link: Link }
  /** It is gone from this namespace. */
  | { readonly kind: 'gone'; readonly index: number }
  /** It is no port of a bridge any more. */
  | { readonly kind: 'parted'; readonly index: number };

/** linux/rtnetlink.h; the bridge tells of its ports in messages of its own family (net/bridge/br_netlink.c). */
const types = { newLink: 16, deleteLink: 17 } as const;
const families = { unspecified: 0, bridge: 7 } as const;

/**
 * The events of one datagram, in order; messages of other kinds are left out.
 *
 * @throws NetlinkError `malformed`
 */
export function decodeLinkEvents(datagram: Buffer): readonly LinkEvent[] {
  return decodeDatagram(datagram).flatMap(({ type, payload }): LinkEvent[] => {
    if (type !== types.newLink && type !== types.deleteLink) return [];
    if (payload.length < linkHead) throw new NetlinkError('malformed', `a link event of ${payload.length} bytes`);
    const family = payload.readUInt8(0);
    const index = payload.readInt32LE(4);
    if (family === families.bridge) return type === types.deleteLink ? [{ kind: 'parted', index }] : [];
    if (family !== families.unspecified) return [];
    return type === types.deleteLink ? [{ kind: 'gone', index }] : [{ kind: 'there', link: decodeLink(payload) }];
  });
}
