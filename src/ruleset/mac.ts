import { type Address, addressOf } from '../ip/address.ts';

const form = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/;

/** Whether text is an Ethernet address as the engine writes it: six pairs of lower-case hex digits with colons. */
export function isMac(text: string): boolean {
  return form.test(text);
}

/**
 * The IPv6 link-local address that an interface makes of its MAC: modified EUI-64 under fe80::/64 (RFC 4291 appendix A).
 *
 * @returns undefined when the text is not a MAC
 */
export function linkLocalOf(mac: string): Address | undefined {
  if (!isMac(mac)) return undefined;
  const value = BigInt(`0x${mac.replaceAll(':', '')}`) ^ (2n << 40n); // the universal/local bit is inverted
  const identifier = ((value >> 24n) << 40n) | (0xfffen << 24n) | (value & 0xffffffn);
  return addressOf(6, (0xfe80n << 112n) | identifier);
}
