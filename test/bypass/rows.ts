/** The catalogue: every row by its number. */
import type { Row } from './row.ts';
import * as dnsElsewhere from './rows/dns-elsewhere.ts';
import * as engineSocket from './rows/engine-socket.ts';
import * as floods from './rows/floods.ts';
import * as host from './rows/host.ts';
import * as ipv6 from './rows/ipv6.ts';
import * as killedDaemon from './rows/killed-daemon.ts';
import * as neighbours from './rows/neighbours.ts';
import * as oddPackets from './rows/odd-packets.ts';
import * as otherNetworks from './rows/other-networks.ts';
import * as outside from './rows/outside.ts';
import * as protocols from './rows/protocols.ts';
import * as sockets from './rows/sockets.ts';
import * as starting from './rows/starting.ts';
import * as tampering from './rows/tampering.ts';
import * as translation from './rows/translation.ts';
import * as untrustedWords from './rows/untrusted-words.ts';

const files: readonly Readonly<Record<string, Row>>[] = [
  dnsElsewhere,
  ipv6,
  host,
  neighbours,
  protocols,
  outside,
  floods,
  oddPackets,
  otherNetworks,
  engineSocket,
  killedDaemon,
  sockets,
  starting,
  tampering,
  translation,
  untrustedWords,
];

export const rows: readonly Row[] = files
  .flatMap((file) => Object.values(file))
  .toSorted((a, b) => a.number - b.number);

/** The list of known bypasses has so many. */
export const lastRow = 64;
