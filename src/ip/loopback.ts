import { parseAddress } from './address.ts';

/** Whether a host of a URL is the loopback: 127.0.0.0/8 (RFC 1122), ::1, or `localhost` (RFC 6761). */
export function isLoopbackHost(host: string): boolean {
  const address = parseAddress(host);
  if (address === undefined) return host.toLowerCase() === 'localhost';
  return address.family === 4 ? address.value >> 24n === 127n : address.value === 1n;
}
