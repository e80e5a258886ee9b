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

/** Each file of rows, with its name. */
const files: readonly (readonly [name: string, of: Readonly<Record<string, Row>>])[] = [
  ['addresses-decide', addressesDecide],
  ['behind-the-last-rule', behindTheLastRule],
  ['beneath', beneath],
  ['builds', builds],
  ['conversations', conversations],
  ['dns-elsewhere', dnsElsewhere],
  ['embedded', embedded],
  ['engine-socket', engineSocket],
  ['floods', floods],
  ['forged-senders', forgedSenders],
  ['fragments', fragments],
  ['host', host],
  ['host-network', hostNetwork],
  ['ipv6', ipv6],
  ['killed-daemon', killedDaemon],
  ['metadata', metadata],
  ['neighbours', neighbours],
  ['net-admin', netAdmin],
  ['odd-packets', oddPackets],
  ['other-networks', otherNetworks],
  ['outside', outside],
  ['pivot', pivot],
  ['protocols', protocols],
  ['published', published],
  ['rebinding', rebinding],
  ['sockets', sockets],
  ['starting', starting],
  ['tampering', tampering],
  ['translation', translation],
  ['untrusted-words', untrustedWords],
];

const placed = files
  .flatMap(([name, of]) => Object.values(of).map((row) => ({ file: `rows/${name}.ts`, row })))
  .toSorted((a, b) => a.row.number - b.row.number);

export const rows: readonly Row[] = placed.map(({ row }) => row);

/** The file of each row, by its number, from this folder. */
export const rowFiles: ReadonlyMap<number, string> = new Map(placed.map(({ file, row }) => [row.number, file]));

/** The list of known bypasses has 64; what was found by attacks of our own is numbered on from there. */
export const lastRow = 66;
