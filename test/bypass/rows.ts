/** The catalogue: every row by its number. */
import type { Row } from './row.ts';
import * as addressesDecide from './rows/addresses-decide.ts';
import * as behindTheLastRule from './rows/behind-the-last-rule.ts';
import * as beneath from './rows/beneath.ts';
import * as builds from './rows/builds.ts';
import * as conversations from './rows/conversations.ts';
import * as dnsElsewhere from './rows/dns-elsewhere.ts';
import * as embedded from './rows/embedded.ts';
import * as engineSocket from './rows/engine-socket.ts';
import * as floods from './rows/floods.ts';
import * as forgedSenders from './rows/forged-senders.ts';
import * as fragments from './rows/fragments.ts';
import * as host from './rows/host.ts';
import * as hostNetwork from './rows/host-network.ts';
import * as ipv6 from './rows/ipv6.ts';
import * as killedDaemon from './rows/killed-daemon.ts';
import * as metadata from './rows/metadata.ts';
import * as neighbours from './rows/neighbours.ts';
import * as netAdmin from './rows/net-admin.ts';
import * as oddPackets from './rows/odd-packets.ts';
import * as otherNetworks from './rows/other-networks.ts';
import * as outside from './rows/outside.ts';
import * as pivot from './rows/pivot.ts';
import * as protocols from './rows/protocols.ts';
import * as published from './rows/published.ts';
import * as rebinding from './rows/rebinding.ts';
import * as sockets from './rows/sockets.ts';
import * as starting from './rows/starting.ts';
import * as tampering from './rows/tampering.ts';
import * as translation from './rows/translation.ts';
import * as untrustedWords from './rows/untrusted-words.ts';

const files: readonly Readonly<Record<string, Row>>[] = [
  addressesDecide,
  behindTheLastRule,
  beneath,
  builds,
  conversations,
  dnsElsewhere,
  embedded,
  engineSocket,
  floods,
  forgedSenders,
  fragments,
  host,
  hostNetwork,
  ipv6,
  killedDaemon,
  metadata,
  neighbours,
  netAdmin,
  oddPackets,
  otherNetworks,
  outside,
  pivot,
  protocols,
  published,
  rebinding,
  sockets,
  starting,
  tampering,
  translation,
  untrustedWords,
];

export const rows: readonly Row[] = files
  .flatMap((file) => Object.values(file))
  .toSorted((a, b) => a.number - b.number);

/** The list of known bypasses has 64; what was found by attacks of our own is numbered on from there. */
export const lastRow = 66;
