import { alteredTables } from './checks/altered-tables.ts';
import { conntrackFull } from './checks/conntrack-full.ts';
import { conntrackLiberal } from './checks/conntrack-liberal.ts';
import { daemonTrouble } from './checks/daemon-trouble.ts';
import { dnsFromHost } from './checks/dns-from-host.ts';
import { engineSocket } from './checks/engine-socket.ts';
import { flushedAtReload } from './checks/flushed-at-reload.ts';
import { hostNetwork } from './checks/host-network.ts';
import { hostUsers } from './checks/host-users.ts';
import { netAdmin } from './checks/net-admin.ts';
import { noDaemon } from './checks/no-daemon.ts';
import { notHeld } from './checks/not-held.ts';
import { nothingStands } from './checks/nothing-stands.ts';
import { pastTheHost } from './checks/past-the-host.ts';
import { privileged } from './checks/privileged.ts';
import { publishedEverywhere } from './checks/published-everywhere.ts';
import { writablePolicy } from './checks/writable-policy.ts';
import type { Check } from './finding.ts';

/** All of them; docs/doctor.md is made from this list. */
export const checks: readonly Check[] = [
  nothingStands,
  alteredTables,
  notHeld,
  writablePolicy,
  engineSocket,
  privileged,
  daemonTrouble,
  noDaemon,
  dnsFromHost,
  hostNetwork,
  pastTheHost,
  netAdmin,
  hostUsers,
  flushedAtReload,
  conntrackFull,
  conntrackLiberal,
  publishedEverywhere,
];
