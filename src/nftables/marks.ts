/**
 * The mark bits Sluice uses. All are single bits, set and cleared without touching the others, and chosen against
 * what is known of others: Podman's netavark (packet 0x2000, conntrack 0x1000), Docker's `--bridge-accept-fwmark` and
 * Swarm's ingress (small numbers), kube-proxy (0x4000, 0x8000), Tailscale (0xff0000).
 */
export interface Marks {
  /** Packet mark: "the bridge has proven this frame's sender". Lives from bridge prerouting to inet prerouting only. */
  readonly proven: number;
  /** Conntrack mark: "conntrack picked this conversation up from outside, in the middle"; its replies are not free. */
  readonly doubtful: number;
  /**
   * Conntrack mark: "policy has taken the permission of this conversation away, and its entry is kept" (src/enforce/enforce.ts,
   * cutForbidden). Set and cleared from outside the packet path; errors about such a conversation do not pass.
   */
  readonly forbidden: number;
}

export const defaultMarks: Marks = { proven: 0x2000_0000, doubtful: 0x1000_0000, forbidden: 0x0800_0000 };

/**
 * Packet mark of the last line alone (src/netlink/last-line.ts): "from an enrolled bridge, and not proven". Such a packet is
 * dropped two chains on. It is not the bit that says "proven" with iptables (src/iptables/marks.ts): while the daemon takes
 * over from there both are at work, and everything would be dropped. Of the bits there it is one that no packet has in
 * prerouting.
 */
export const unprovenMark = 0x8000_0000;
