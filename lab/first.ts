/** Containers whose whole program is `first` (native/bare): its very first instructions send packets. */
import { parseAddress } from '../src/ip/address.ts';

/** Where a datagram goes. */
export interface Target {
  readonly to: string;
  readonly port: number;
}

export interface FirstSpec {
  /** Up to four; each round sends one datagram to each, in this order. */
  readonly to: readonly Target[];
  /** What observers know them by. */
  readonly token: string;
  /** Rounds a second; 1 unless told. */
  readonly rate?: number | undefined;
  /** Rounds in all, 1 unless told; then it stays and is silent. */
  readonly rounds?: number | undefined;
  /** File in the container for the count of datagrams handed to the kernel, see {@link readTally}. */
  readonly tally?: string | undefined;
}

/** The command of a container of `lab/first`. */
export function firstCommand({ to, token, rate = 1, rounds = 1, tally = '-' }: FirstSpec): string[] {
  return [token, tally, String(rounds), String(Math.round(1e6 / rate)), ...to.map(sockaddr)];
}

/** `lab/first`: nothing but the program. SIGTERM ends it at once. */
export const firstImage = { name: 'lab/first', entrypoint: ['/first'] } as const;

/** Datagrams handed to the kernel for each target so far, from the bytes of a tally file (64 bits each, this machine's order). */
export function readTally(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength >> 3 }, (_, index) => Number(view.getBigInt64(index * 8, true)));
}

/** A struct sockaddr_in or sockaddr_in6 in hexadecimal: family in this machine's order (little), the rest in the network's. */
function sockaddr({ to, port }: Target): string {
  const address = parseAddress(to);
  if (address === undefined) throw new TypeError(`not an address: ${to}`);
  const digits = (value: bigint | number, bytes: number) => value.toString(16).padStart(bytes * 2, '0');
  const head = `${address.family === 4 ? '0200' : '0a00'}${digits(port, 2)}`;
  if (address.family === 4) return `${head}${digits(address.value, 4)}${'0'.repeat(16)}`;
  return `${head}${'0'.repeat(8)}${digits(address.value, 16)}${'0'.repeat(8)}`;
}
