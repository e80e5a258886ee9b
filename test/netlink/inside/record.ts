/**
 * Writes recorded.json: what a kernel says over netlink of a bridge with two veths, addresses of both families, routes, a
 * conversation and a load of rules. Run in a namespace of its own:
 *
 *   unshare --net node test/netlink/inside/record.ts
 */
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ensureRoot } from '../../../lab/roots.ts';
import { forceReceiveBuffer, joinGroup, limitReads, openDescriptor } from '../../../src/netlink/descriptor.ts';
import { encodeMessage } from '../../../src/netlink/message.ts';
import { groups } from '../../../src/netlink/monitor.ts';

const root = await ensureRoot('28.5');
const run = (command: string) => execFileSync('chroot', [root, 'sh', '-ec', command], { stdio: 'inherit' });

const said: Buffer[] = [];
function hear(fd: number): void {
  const buffer = Buffer.alloc(256 * 1024);
  for (;;) {
    try {
      said.push(Buffer.from(buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, null))));
    } catch {
      return; // nothing came for a while
    }
  }
}

function listen(what: keyof typeof groups): number {
  const { protocol, group } = groups[what];
  const fd = openDescriptor(protocol);
  limitReads(fd, 300);
  forceReceiveBuffer(fd, 4 << 20);
  joinGroup(fd, group);
  return fd;
}

/** Asks for a whole list. */
function dump(protocol: 'route' | 'netfilter', type: number, payload: Buffer): void {
  const fd = openDescriptor(protocol);
  limitReads(fd, 300);
  writeSync(fd, encodeMessage({ type, flags: 0x301, sequence: 1, payload }));
  hear(fd);
}

const links = listen('links');
const rules = listen('rules');
run(`ip link set lo up
ip link add br0 type bridge nf_call_iptables 1
ip link add veth0 type veth peer name veth1
ip link set veth0 master br0
ip link set br0 up; ip link set veth0 up; ip link set veth1 up
ip addr add 10.9.0.1/24 dev br0; ip -6 addr add fd00:9::1/64 dev br0 nodad
ip route add 10.10.0.0/16 via 10.9.0.2; ip -6 route add fd00:a::/32 dev br0; ip rule add fwmark 1 table 100`);
run(`nft -f - << END
table inet sluice { set s { type ipv4_addr . inet_service; elements = { 10.9.0.7 . 80, 10.9.0.8 . 443 } }
  map m { type iface_index . ether_addr : verdict; elements = { 1 . 02:42:ac:11:00:02 : goto c } }
  chain c { counter comment "x"
  }
  chain f { type filter hook output priority 0; ct state new accept
  }
}
table bridge sluice {
  chain b { type filter hook prerouting priority 0; accept
  }
}
END`);
run('nft delete element inet sluice s { 10.9.0.7 . 80 }; nft delete table bridge sluice; nft add table ip other');
for (const [kind, to] of [
  ['udp4', '127.0.0.1'],
  ['udp6', 'fd00:9::1'],
] as const) {
  const socket = createSocket(kind);
  await new Promise((resolve) => socket.send('x', 9, to, resolve));
  socket.close();
}
run('ip link set veth0 nomaster; ip link del veth0');
hear(links);
hear(rules);
run(`ip link add veth2 type veth peer name veth3; ip link set veth2 master br0`);
const head = (length: number, family = 0): Buffer => Buffer.concat([Buffer.from([family]), Buffer.alloc(length - 1)]);
dump('route', 18, head(16));
dump('route', 22, head(8));
for (const family of [2, 10]) {
  dump('route', 26, head(12, family));
  dump('route', 34, head(12, family));
}
dump('netfilter', (1 << 8) | 1, head(4));
const file = join(import.meta.dirname, '../recorded.json');
writeFileSync(
  file,
  `${JSON.stringify(
    said.map((one) => one.toString('base64')),
    null,
    1,
  )}\n`,
);
