/** The catalogue: every row by its number. */
import type { Row } from './row.ts';
import * as dnsElsewhere from './rows/dns-elsewhere.ts';
import * as engineSocket from './rows/engine-socket.ts';
import * as host from './rows/host.ts';
import * as ipv6 from './rows/ipv6.ts';
import * as killedDaemon from './rows/killed-daemon.ts';
import * as neighbours from './rows/neighbours.ts';
import * as otherNetworks from './rows/other-networks.ts';
import * as outside from './rows/outside.ts';
import * as protocols from './rows/protocols.ts';
import * as starting from './rows/starting.ts';

const files: readonly Readonly<Record<string, Row>>[] = [
  dnsElsewhere,
  ipv6,
  host,
  neighbours,
  protocols,
  outside,
  otherNetworks,
  engineSocket,
  killedDaemon,
  starting,
];

export const rows: readonly Row[] = files
  .flatMap((file) => Object.values(file))
  .toSorted((a, b) => a.number - b.number);

/** The list of known bypasses has so many. */
export const lastRow = 64;
