/**
 * Holds the daemon's last line for one bridge, the argument, in the network it runs in: `hold` makes it, `let go` takes it
 * away, each answered by a line.
 */
import { createInterface } from 'node:readline';
import { LastLine } from '../src/netlink/last-line.ts';
import { NetlinkSocket } from '../src/netlink/socket.ts';
import { priorities } from '../src/nftables/hooks.ts';
import { defaultMarks, unprovenMark } from '../src/nftables/marks.ts';

const [bridge = ''] = process.argv.slice(2);
let socket: NetlinkSocket | null = null;
for await (const wish of createInterface({ input: process.stdin })) {
  socket?.[Symbol.dispose](); // the table is gone with it
  socket = wish === 'hold' ? NetlinkSocket.open('netfilter') : null;
  if (socket !== null) {
    const around = { proven: defaultMarks.proven, unproven: unprovenMark, priority: priorities.arrival };
    if (!new LastLine(socket, around).hold({ strict: [bridge], enrolled: [bridge] }))
      throw new Error('this kernel knows no tables that a process owns');
  }
  console.log(wish);
}
