import { type AddressSet, unionSets } from './address-set.ts';
import { prefixOf } from './prefix.ts';

/** How many bits of an IPv6 address stand behind the IPv4 address in it. */
const carriers: readonly { readonly prefix: string; readonly behind: bigint }[] = [
  { prefix: '64:ff9b::/96', behind: 0n }, // NAT64 (RFC 6052)
  { prefix: '64:ff9b:1::/96', behind: 0n }, // NAT64 for local use (RFC 8215), the first /96 of its /48
  { prefix: '2002::/16', behind: 80n }, // 6to4 (RFC 3056)
  { prefix: '2001::/32', behind: 64n }, // Teredo (RFC 4380): its server
  { prefix: '::/96', behind: 0n }, // IPv4-compatible (RFC 4291 section 2.5.5.1)
  { prefix: '::ffff:0:0/96', behind: 0n }, // IPv4-mapped (RFC 4291 section 2.5.5.2)
  { prefix: '::ffff:0:0:0/96', behind: 0n }, // IPv4-translated (RFC 2765 section 2.1)
];

/** The IPv6 addresses that carry an IPv4 address of a set, at the places that the documents fix. */
export function embedding({ v4 }: AddressSet): AddressSet {
  const sets = carriers.map(({ prefix, behind }): AddressSet => {
    const base = prefixOf(prefix).address.value;
    return {
      v4: [],
      v6: v4.map(({ low, high }) => ({ low: base | (low << behind), high: base | (((high + 1n) << behind) - 1n) })),
    };
  });
  return unionSets(...sets);
}
