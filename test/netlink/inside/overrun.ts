/**
 * Hears of rules in its namespace with a buffer that a few changes fill: says `ready`, is busy until something comes on standard
 * input, then says how much it was told, and at last whether it hears what comes after.
 */
import { readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { NetlinkMonitor } from '../../../src/netlink/monitor.ts';

const told = { datagrams: 0, lost: 0 };
const monitor = NetlinkMonitor.open('rules', 8 * 1024, {
  datagram: () => void told.datagrams++,
  lost: () => void told.lost++,
  ended: (error) => {
    if (error !== null) throw error;
  },
});
console.log('ready');
readSync(0, Buffer.alloc(1)); // the thread can do nothing else meanwhile
await sleep(500);
console.log(JSON.stringify(told));
const before = told.datagrams;
for (let waits = 0; waits < 100 && told.datagrams === before; waits++) await sleep(50);
console.log(told.datagrams > before ? 'hears' : 'deaf');
monitor.close();
