/** Words of 32 bits in the header of an IPv4 packet that has no options (RFC 791 3.1, IHL). */
export const withoutOptions = 5;

/**
 * cBPF on the IPv4 header, as `-m bpf --bytecode` of iptables takes it and iptables-save shows it (iptables-extensions(8)): whether its
 * length is another than that of {@link withoutOptions}.
 */
export const hasIpOptions = `5,48 0 0 0,84 0 0 15,21 1 0 ${withoutOptions},6 0 0 65535,6 0 0 0`;
