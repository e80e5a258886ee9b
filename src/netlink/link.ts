import { decodeAttributes, readI32, readText, readU8, readU16, readU32 } from './attribute.ts';
import { NetlinkError } from './error.ts';

/** A network interface as rtnetlink(7) shows it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Lower case with colons; null for interfaces without a six-byte address. */
  readonly mac: string | null;
  /** Index of the bridge (or bond, VRF) it is a port of. */
  readonly master: number | null;
  /** `veth`, `bridge`, `macvlan`…; null for hardware and loopback. */
  readonly kind: string | null;
  /** Whether it is administratively up (IFF_UP). */
  readonly up: boolean;
  /** Where the other end is, for a veth whose peer is in another network namespace. */
  readonly peer: Peer | null;
  /** For a bridge whose kernel has br_netfilter's code: its own switches. */
  readonly bridgeCalls: BridgeCalls | null;
}

export interface Peer {
  /** Interface index over there. */
  readonly index: number;
  /** The other namespace's id in ours (RTM_GETNSID); null when the peer is in our own namespace. */
  readonly netns: number | null;
}

/** A bridge's own nf_call_iptables and nf_call_ip6tables; either these or the sysctls of the namespace turn it on. */
export interface BridgeCalls {
  readonly ip: boolean;
  readonly ip6: boolean;
  /**
   * Whether it learns MACs from frames to link-local groups (01:80:c2:00:00:0x), which it does past every hook
   * (net/bridge/br_input.c, `__br_handle_local_finish`); absent before Linux 5.0, which has no switch for it
   * (linux/if_bridge.h, BR_BOOLOPT_NO_LL_LEARN).
   */
  readonly learnsLinkLocal?: boolean;
  /**
   * Which of the link-local groups it forwards, a bit for each last digit. Frames to the others go up on the port, that to
   * :0e past every hook (net/bridge/br_input.c, `br_handle_frame`). Of 0, 1 and 2 the kernel takes no bit.
   */
  readonly forwardedGroups?: number;
}

/** linux/if_link.h; the switches' numbers stand since Linux 4.4. */
export const linkAttributes = {
  address: 1,
  name: 3,
  link: 5,
  master: 10,
  info: 18,
  extendedMask: 29,
  netns: 37,
  infoKind: 1,
  infoData: 2,
  forwardedGroups: 9,
  bridgeCallIp: 36,
  bridgeCallIp6: 37,
  bridgeOptions: 46,
} as const;

/** Bits of struct br_boolopt_multi, which is u32 values, u32 mask. */
export const bridgeOptions = { noLinkLocalLearning: 1 << 0 } as const;

/** struct ifinfomsg: family, pad, u16 type, i32 index, u32 flags, u32 change. */
export const linkHead = 16;
const flagUp = 0x1;

/**
 * Reads the payload of an RTM_NEWLINK.
 *
 * @throws NetlinkError `malformed`
 */
export function decodeLink(payload: Buffer): Link {
  if (payload.length < linkHead) throw new NetlinkError('malformed', `a link of ${payload.length} bytes`);
  const attributes = decodeAttributes(payload.subarray(linkHead));
  const name = readText(attributes.get(linkAttributes.name));
  if (name === undefined) throw new NetlinkError('malformed', 'a link without a name');
  const info = attributes.get(linkAttributes.info);
  const details = info === undefined ? undefined : decodeAttributes(info);
  const kind = readText(details?.get(linkAttributes.infoKind)) ?? null;
  const data = details?.get(linkAttributes.infoData);
  const peerIndex = readI32(attributes.get(linkAttributes.link));
  return {
    index: payload.readInt32LE(4),
    name,
    mac: formatMac(attributes.get(linkAttributes.address)),
    master: readU32(attributes.get(linkAttributes.master)) ?? null,
    kind,
    up: (payload.readUInt32LE(8) & flagUp) !== 0,
    peer:
      kind === 'veth' && peerIndex !== undefined
        ? { index: peerIndex, netns: readI32(attributes.get(linkAttributes.netns)) ?? null }
        : null,
    bridgeCalls: kind === 'bridge' && data !== undefined ? decodeCalls(data) : null,
  };
}

function decodeCalls(data: Buffer): BridgeCalls | null {
  const attributes = decodeAttributes(data);
  const ip = readU8(attributes.get(linkAttributes.bridgeCallIp));
  const ip6 = readU8(attributes.get(linkAttributes.bridgeCallIp6));
  if (ip === undefined || ip6 === undefined) return null;
  const options = readU32(attributes.get(linkAttributes.bridgeOptions)?.subarray(0, 4));
  const forwardedGroups = readU16(attributes.get(linkAttributes.forwardedGroups));
  return {
    ip: ip !== 0,
    ip6: ip6 !== 0,
    ...(options === undefined ? {} : { learnsLinkLocal: (options & bridgeOptions.noLinkLocalLearning) === 0 }),
    ...(forwardedGroups === undefined ? {} : { forwardedGroups }),
  };
}

function formatMac(payload: Buffer | undefined): string | null {
  if (payload?.length !== 6) return null;
  return [...payload].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
