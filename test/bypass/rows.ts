/** The catalogue: every row by its number. */
import type { Row } from './row.ts';
import * as dnsElsewhere from './rows/dns-elsewhere.ts';
import * as host from './rows/host.ts';
import * as ipv6 from './rows/ipv6.ts';
import * as neighbours from './rows/neighbours.ts';
import * as outside from './rows/outside.ts';
import * as protocols from './rows/protocols.ts';

const files: readonly Readonly<Record<string, Row>>[] = [dnsElsewhere, ipv6, host, neighbours, protocols, outside];

export const rows: readonly Row[] = files
  .flatMap((file) => Object.values(file))
  .toSorted((a, b) => a.number - b.number);

/** The list of known bypasses has so many. */
export const lastRow = 64;
