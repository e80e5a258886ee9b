/** Holds the last line in its namespace: a list of bridges for each line of its input, and an answer for each. */
import { createInterface } from 'node:readline';
import { type Guarded, isTaken, LastLine } from '../../../src/netlink/last-line.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import { defaultMarks, unprovenMark } from '../../../src/nftables/marks.ts';

const netlink = NetlinkSocket.open('netfilter');
const line = new LastLine(netlink, { proven: defaultMarks.proven, unproven: unprovenMark, priority: -310 });
for await (const guarded of createInterface({ input: process.stdin }))
  console.log(held(JSON.parse(guarded) as Guarded));

function held(guarded: Guarded): string {
  try {
    return String(line.hold(guarded));
  } catch (error) {
    if (isTaken(error)) return 'taken';
    throw error;
  }
}
