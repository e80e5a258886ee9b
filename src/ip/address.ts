import { isIP } from 'node:net';

/** IP version: 4 (RFC 791) or 6 (RFC 8200). */
export type Family = 4 | 6;

/** Both of them. */
export const families = [4, 6] as const;

declare const parsed: unique symbol;

/**
 * An IP address that was parsed once. `value` is the address as an unsigned integer: 32 bits for IPv4, 128 for IPv6.
 * Zones (`%eth0`) are not part of it.
 */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
  readonly [parsed]?: true;
}

/** How many bits an address of the family has. */
export function bits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

const highest = { 4: (1n << 32n) - 1n, 6: (1n << 128n) - 1n } as const;

/** The highest address value of a family. */
export function maxValue(family: Family): bigint {
  return highest[family];
}

/** Whether it is of fe80::/10 (RFC 4291 2.5.6): on each link somebody else may have it. */
export function isLinkLocal({ family, value }: Pick<Address, 'family' | 'value'>): boolean {
  return family === 6 && value >> 118n === 0x3fan;
}

/** Makes an address from its integer value; throws a RangeError outside the family's range. */
export function addressOf(family: Family, value: bigint): Address {
  if (value < 0n || value > maxValue(family)) throw new RangeError(`not an IPv${family} address: ${value}`);
  return { family, value };
}

/**
 * Reads an address in its strict textual form: dotted decimal of four parts without leading zeros, or RFC 4291 text.
 * `10.1`, `010.0.0.1`, `0x0a.0.0.1` and zones are not addresses (node's own isIP is the gate).
 *
 * @returns undefined when the text is not an address
 */
export function parseAddress(text: string): Address | undefined {
  if (text.includes('%')) return undefined;
  const version = isIP(text);
  if (version === 4) return { family: 4, value: parseV4(text) };
  if (version === 6) return { family: 6, value: parseV6(text) };
  return undefined;
}

function parseV4(text: string): bigint {
  // in numbers, because every step on a bigint makes a new one
  return BigInt(text.split('.').reduce((value, part) => value * 256 + Number(part), 0));
}

function parseV6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => 0n);
  return [...left, ...zeros, ...right].reduce((value, group) => value * 65536n + group, 0n);
}

function groups(text: string): bigint[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)];
    const v4 = parseV4(group); // the last 32 bits may be written as IPv4: ::ffff:192.0.2.1
    return [v4 >> 16n, v4 & 0xffffn];
  });
}

/** The canonical text of an address: dotted decimal, or RFC 5952. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatV4(address.value) : formatV6(address.value);
}

function formatV4(value: bigint): string {
  const bytes = Number(value); // numbers, because every step on a bigint makes a new one
  return `${bytes >>> 24}.${(bytes >>> 16) & 255}.${(bytes >>> 8) & 255}.${bytes & 255}`;
}

function formatV6(value: bigint): string {
  const digits = value.toString(16).padStart(32, '0');
  const parts = Array.from({ length: 8 }, (_, index) => Number.parseInt(digits.slice(4 * index, 4 * index + 4), 16));
  const { start, length } = longestZeroRun(parts);
  const hex = (list: number[]) => list.map((part) => part.toString(16)).join(':');
  if (length < 2) return hex(parts);
  return `${hex(parts.slice(0, start))}::${hex(parts.slice(start + length))}`;
}

/** RFC 5952 section 4.2: the longest run of zero groups is shortened, the first one when several are equally long. */
function longestZeroRun(parts: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  parts.forEach((part, index) => {
    length = part === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  });
  return best;
}
