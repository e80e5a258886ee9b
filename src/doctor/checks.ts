import { alteredTables } from './checks/altered-tables.ts';
import { backendMismatch } from './checks/backend-mismatch.ts';
import { bridgeRulesIdle } from './checks/bridge-rules-idle.ts';
import { conntrackFull } from './checks/conntrack-full.ts';
import { conntrackLiberal } from './checks/conntrack-liberal.ts';
import { daemonTrouble } from './checks/daemon-trouble.ts';
import { dnsFromHost } from './checks/dns-from-host.ts';
import { dockerUserBypassed } from './checks/docker-user-bypassed.ts';
import { dockerUserDead } from './checks/docker-user-dead.ts';
import { engineSocket } from './checks/engine-socket.ts';
import { flushedAtReload } from './checks/flushed-at-reload.ts';
import { hostNetwork } from './checks/host-network.ts';
import { hostUsers } from './checks/host-users.ts';
import { ip6Unmanaged } from './checks/ip6-unmanaged.ts';
import { netAdmin } from './checks/net-admin.ts';
import { noDaemon } from './checks/no-daemon.ts';
import { notHeld } from './checks/not-held.ts';
import { nothingStands } from './checks/nothing-stands.ts';
import { outrankedFilter } from './checks/outranked-filter.ts';
import { pastTheHost } from './checks/past-the-host.ts';
import { privileged } from './checks/privileged.ts';
import { publishedEverywhere } from './checks/published-everywhere.ts';
import { twoRuleEngines } from './checks/two-rule-engines.ts';
import { unpublishedOpen } from './checks/unpublished-open.ts';
import { writablePolicy } from './checks/writable-policy.ts';
import type { Check } from './finding.ts';

/** All of them; docs/doctor.md is made from this list. */
export const checks: readonly Check[] = [
  nothingStands,
  alteredTables,
  notHeld,
  outrankedFilter,
  dockerUserBypassed,
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
  dockerUserDead,
  backendMismatch,
  twoRuleEngines,
  ip6Unmanaged,
  bridgeRulesIdle,
  unpublishedOpen,
  flushedAtReload,
  conntrackFull,
  conntrackLiberal,
  publishedEverywhere,
];
