/**
 * The bits of the packet mark that the iptables backend uses, all in the upper half, and only on packets from enrolled
 * bridges and on frames to known containers. Between prerouting and forward or input none of them is set, so routing
 * by mark does not see them. The conntrack mark has the one bit it has with nftables.
 */
export const bits = {
  /**
   * From ebtables' PREROUTING to mangle PREROUTING: the frame is its sender's. Another bit than the one of nftables, which
   * is cleared before raw: while one backend takes over from the other, both are at work. And another than `passed`: where
   * somebody has emptied all of mangle, nobody takes it away, and security is not to take the proof for a judgement.
   */
  proven: 0x1000_0000,
  /** From mangle to filter, in FORWARD and INPUT: denied, and to be told so. */
  denied: 0x2000_0000,
  /** From mangle to security, in FORWARD and INPUT: judged, and let pass. */
  passed: 0x4000_0000,
  /** From ebtables' FORWARD to its POSTROUTING: bridged to a known container; security FORWARD takes it away. */
  bridged: 0x8000_0000,
  /** Within a chain of mangle FORWARD and INPUT, where `proven` is gone: the destination before DNAT was in a set. */
  scratch: 0x1000_0000,
  /** Within mangle FORWARD and INPUT: the number of the sender's program. */
  number: 0x0fff_0000,
  numberShift: 16,
} as const;

/** All but `bridged`, which belongs to the frame and not to the judgement. */
export const judgement = 0x7fff_0000;

/** The number that no program has: packets with it are dropped. Programs have those below, from 1 on. */
export const nowhere = 0xfff;
