/** Shuts bridges in the network namespace it runs in: a list of names on standard input. */
import { readFileSync } from 'node:fs';
import { shutBridges } from '../../../src/netlink/shut-bridges.ts';
import { NetlinkSocket } from '../../../src/netlink/socket.ts';
import { arrivalChain } from '../../../src/nftables/inet-table.ts';

using netlink = NetlinkSocket.open('netfilter');
shutBridges(netlink, JSON.parse(readFileSync(0, 'utf8')) as string[], arrivalChain);
