import type { Family } from '../../ip/address.ts';

/** One part of an ipset's elements. `port`: a protocol and a port of it (ipset(8), hash:ip,port). */
export type IpsetPart = 'ip' | 'net' | 'port' | 'mac' | 'iface' | 'mark';

/** What is known of an ipset by its header: what a rule that asks it compares. */
export interface IpsetKind {
  /** null: of a type that is not understood. */
  readonly parts: readonly IpsetPart[] | null;
  /** null: it has no addresses, as hash:mac. */
  readonly family: Family | null;
}
