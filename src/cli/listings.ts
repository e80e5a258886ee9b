import type { Listing } from '../packetpath/model.ts';
import { readListing } from '../packetpath/read/read.ts';
import { CliError } from './error.ts';
import { readInput } from './input.ts';
import type { Ports } from './ports.ts';

/** Bytes. */
const limit = 64 * 1024 * 1024;

/**
 * The rules in a file, or on standard input ("-"), in any form that `readListing` knows.
 *
 * @throws CliError where the file cannot be read, or nothing in it is of a listing
 */
export async function readListingFile(ports: Ports, file: string): Promise<Listing> {
  const text = await readInput(ports, file, limit);
  const listing = readListing(text);
  if (listing.tables.length > 0) return listing;
  const [first] = listing.unread;
  throw new CliError(
    'unable',
    `${file === '-' ? 'standard input' : file} is no listing of rules${first === undefined ? ': it is empty' : `: line ${first.line}: ${first.why}`}`,
    'print one with iptables-save, iptables -S, iptables -nvL or nft list ruleset',
  );
}
