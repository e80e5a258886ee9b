/**
 * Sets elements in the network namespace it runs in, as standard input says: `{ removal, remove, add }`, integers as
 * decimal text. Prints the port id of its socket.
 */
import { readFileSync } from 'node:fs';
import { ElementWriter, type Removal } from '../../../src/netlink/set-elements.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import type { SetElement } from '../../../src/nftables/endpoint-elements.ts';

const integers = (key: string, value: unknown) => (key === 'low' || key === 'high' ? BigInt(String(value)) : value);
const input = JSON.parse(readFileSync(0, 'utf8'), integers) as {
  removal: Removal;
  remove: SetElement[];
  add: SetElement[];
};
using netlink = NetlinkSocket.open('netfilter');
new ElementWriter(netlink, input.removal).set(input.remove, input.add);
process.stdout.write(`${netlink.portId}\n`);
