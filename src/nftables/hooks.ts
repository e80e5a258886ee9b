/** Where the base chains stand (linux/netfilter_ipv4.h and netfilter_bridge.h name the priorities around them). */
export const priorities = {
  /** bridge prerouting: before br_netfilter (NF_BR_PRI_BRNF 0), so that it hands proven frames to inet. */
  proof: -300,
  /** inet prerouting: before conntrack puts fragments together (NF_IP_PRI_CONNTRACK_DEFRAG -400). */
  fragments: -450,
  /** inet prerouting: before raw (-300), conntrack (-200) and anybody's `--restore-mark` in mangle (-150). */
  arrival: -310,
  /** inet forward and input: before filter (0), where Docker's rules are. */
  judge: -10,
  /**
   * bridge forward: after br_netfilter's own (NF_BR_PRI_BRNF 0), which runs inet forward and goes on behind itself; and bridge output.
   */
  witness: 10,
} as const;

/** The chain that asks fragments for themselves; what it lets pass is not judged. */
export const beforeDefragChain = 'before-defrag';
