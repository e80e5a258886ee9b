import { type Address, addressOf, bits, formatAddress, maxValue, parseAddress } from './address.ts';
import type { Interval } from './interval.ts';

/** An address block in CIDR notation (RFC 4632, RFC 4291 2.3); the host bits of `address` are zero. */
export interface Prefix {
  readonly address: Address;
  /** Leading bits that count: 0–32 or 0–128. */
  readonly length: number;
}

export type PrefixProblem =
  | { readonly kind: 'not-an-address' }
  | { readonly kind: 'bad-length' }
  | { readonly kind: 'host-bits'; readonly meant: Prefix };

/** Reads `10.0.0.0/8`, `2001:db8::/32`, or a bare address (a prefix of its full length). */
export function parsePrefix(text: string): Prefix | PrefixProblem {
  const [addressText = '', lengthText, ...more] = text.split('/');
  const address = parseAddress(addressText);
  if (address === undefined || more.length > 0) return { kind: 'not-an-address' };
  if (lengthText === undefined) return { address, length: bits(address.family) };
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return { kind: 'bad-length' };
  const length = Number(lengthText);
  if (length > bits(address.family)) return { kind: 'bad-length' };
  const prefix = prefixAround(address, length);
  return prefix.address.value === address.value ? prefix : { kind: 'host-bits', meant: prefix };
}

/** The block of a length that an address is in: of an interface's address, its subnet. */
export function prefixAround(address: Address, length: number): Prefix {
  return { address: addressOf(address.family, address.value & maskOf(address, length)), length };
}

/** True for the result of {@link parsePrefix} that is a prefix. */
export function isPrefix(result: Prefix | PrefixProblem): result is Prefix {
  return 'address' in result;
}

/** A prefix from text known to be right, such as a registry's list; throws a TypeError when it is not. */
export function prefixOf(text: string): Prefix {
  const result = parsePrefix(text);
  if (!isPrefix(result)) throw new TypeError(`not a prefix: ${text} (${result.kind})`);
  return result;
}

function maskOf(address: Address, length: number): bigint {
  const all = maxValue(address.family);
  return all ^ (all >> BigInt(length));
}

/** The canonical text: `10.0.0.0/8`; a prefix of full length is written as a bare address. */
export function formatPrefix(prefix: Prefix): string {
  const address = formatAddress(prefix.address);
  return prefix.length === bits(prefix.address.family) ? address : `${address}/${prefix.length}`;
}

/** First and last address value of the block, both inside. */
export function prefixInterval(prefix: Prefix): Interval {
  const low = prefix.address.value;
  return { low, high: low | (maxValue(prefix.address.family) >> BigInt(prefix.length)) };
}
