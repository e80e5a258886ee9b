/** One of the powers that root is made of (capabilities(7)). */
export interface Capability {
  /** As systemd and setpriv(1) have it, in capitals and with `CAP_`. */
  readonly name: string;
  /** linux/capability.h */
  readonly bit: number;
  /** What the daemon does with it. */
  readonly use: string;
}

/** Without these there is no daemon. */
export const requiredCapabilities: readonly Capability[] = [
  {
    name: 'CAP_NET_ADMIN',
    bit: 12,
    use: 'changes rules, sets and switches of bridges, hears who else changes rules, and asks the kernel about the other ends of veths',
  },
];

/** Without these as well it does not hold rules in iptables. */
export const iptablesCapabilities: readonly Capability[] = [
  {
    name: 'CAP_NET_RAW',
    bit: 13,
    // iptables, libiptc.c (TC_INIT) and ipset's libxt_set.h (get_version): socket(…, SOCK_RAW, IPPROTO_RAW)
    use: 'has the commands of iptables ask the kernel about its tables and sets, which they do over raw sockets',
  },
];

/** Without these it runs, degraded. */
export const desiredCapabilities: readonly Capability[] = [
  {
    name: 'CAP_SYS_NICE',
    bit: 23,
    use: 'comes before other work, so that a container that starts on a busy host is met before its first packet is lost',
  },
];

/**
 * Those of some capabilities that a process does not have.
 *
 * @param status text of /proc/PID/status (proc(5)); where it does not tell, nothing counts as missing
 */
export function missingOf(capabilities: readonly Capability[], status: string | undefined): readonly Capability[] {
  const [, digits] = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status ?? '') ?? [];
  if (digits === undefined) return [];
  const effective = BigInt(`0x${digits}`);
  return capabilities.filter(({ bit }) => (effective & (1n << BigInt(bit))) === 0n);
}

/** How whoever starts the daemon gives it a capability. */
export function howToGive({ name }: Capability): string {
  return `let it have ${name}: CapabilityBoundingSet= of its unit (systemd), cap_add: (Compose), or what else keeps it from root`;
}
