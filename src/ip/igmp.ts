/** IGMP: its protocol number, and the type of its questions in all three versions (RFC 1112, RFC 2236, RFC 3376). */
export const igmp = { protocol: 2, query: 0x11 } as const;
