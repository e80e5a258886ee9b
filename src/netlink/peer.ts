import type { Address } from '../ip/address.ts';
import { attribute, u32 } from './attribute.ts';
import { errnos, NetlinkError } from './error.ts';
import { decodeLink, type Link, linkHead, type Peer } from './link.ts';
import { addressHead, decodeAddress, families, types } from './route.ts';
import type { Netlink } from './socket.ts';

/*
 * The other end of a veth, looked up in its own network namespace: by the id our namespace knows that one by, so without
 * entering it and without a process in it (Linux 5.0; needs a socket that insists on strict checks, as ours do).
 */

/** IFLA_TARGET_NETNSID and IFA_TARGET_NETNSID (linux/if_link.h, linux/if_addr.h). */
const target = { ofLink: 46, ofAddress: 10 } as const;

/**
 * The interface at the other end.
 *
 * @returns null when it, or its namespace, is not there any more
 * @throws NetlinkError
 */
export function peerLink(netlink: Netlink, { index, netns }: Peer): Link | null {
  const head = Buffer.alloc(linkHead);
  head.writeInt32LE(index, 4);
  const where = netns === null ? [] : [attribute(target.ofLink, u32(netns))];
  try {
    const answers = netlink.ask({ type: types.getLink, payload: Buffer.concat([head, ...where]) });
    const answer = answers.find(({ type }) => type === types.newLink);
    return answer === undefined ? null : decodeLink(answer.payload);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/**
 * The addresses of the interface at the other end, both families; none when it is not there any more.
 *
 * @throws NetlinkError
 */
export function peerAddresses(netlink: Netlink, { index, netns }: Peer): readonly Address[] {
  const where = netns === null ? [] : [attribute(target.ofAddress, u32(netns))];
  return [families.inet, families.inet6].flatMap((family): readonly Address[] => {
    const head = Buffer.alloc(addressHead);
    head.writeUInt8(family, 0);
    head.writeUInt32LE(index, 4);
    try {
      return netlink.dump({ type: types.getAddress, payload: Buffer.concat([head, ...where]) }, ({ type, payload }) => {
        const found = type === types.newAddress ? decodeAddress(payload) : undefined;
        return found?.index === index ? found.address : undefined;
      });
    } catch (error) {
      if (isGone(error)) return [];
      throw error;
    }
  });
}

/** The kernel knows no namespace by that id (EINVAL), or no interface by that index in it (ENODEV). */
function isGone(error: unknown): boolean {
  return error instanceof NetlinkError && (error.errno === errnos.ENODEV || error.errno === errnos.EINVAL);
}
