/** Types of ICMPv6: multicast listeners (RFC 2710, RFC 3810) and neighbour discovery (RFC 4861). */
export const icmpv6 = {
  mldQuery: 130,
  mldReport: 131,
  mldDone: 132,
  routerSolicit: 133,
  routerAdvert: 134,
  neighbourSolicit: 135,
  neighbourAdvert: 136,
  redirect: 137,
  mldv2Report: 143,
} as const;
