import { alteredTables } from './checks/altered-tables.ts';
import { backendMismatch } from './checks/backend-mismatch.ts';
import { bridgeRulesCut } from './checks/bridge-rules-cut.ts';
import { bridgeRulesIdle } from './checks/bridge-rules-idle.ts';
import { conntrackFull } from './checks/conntrack-full.ts';
import { conntrackLiberal } from './checks/conntrack-liberal.ts';
import { daemonTrouble } from './checks/daemon-trouble.ts';
import { dnsFromHost } from './checks/dns-from-host.ts';
import { dockerUserBypassed } from './checks/docker-user-bypassed.ts';
import { dockerUserDead } from './checks/docker-user-dead.ts';
import { engineOnNetwork } from './checks/engine-on-network.ts';
import { engineSocket } from './checks/engine-socket.ts';
import { firewalldEmpties } from './checks/firewalld-empties.ts';
import { flowtable } from './checks/flowtable.ts';
import { flushedAtReload } from './checks/flushed-at-reload.ts';
import { hostFiles } from './checks/host-files.ts';
import { hostNetwork } from './checks/host-network.ts';
import { hostProcesses } from './checks/host-processes.ts';
import { hostSocket } from './checks/host-socket.ts';
import { hostUsers } from './checks/host-users.ts';
import { imageLabels } from './checks/image-labels.ts';
import { ip6Unmanaged } from './checks/ip6-unmanaged.ts';
import { logFromHost } from './checks/log-from-host.ts';
import { loopbackRouted } from './checks/loopback-routed.ts';
import { netAdmin } from './checks/net-admin.ts';
import { networkVolume } from './checks/network-volume.ts';
import { noDaemon } from './checks/no-daemon.ts';
import { noLastLine } from './checks/no-last-line.ts';
import { notHeld } from './checks/not-held.ts';
import { nothingStands } from './checks/nothing-stands.ts';
import { othersProcesses } from './checks/others-processes.ts';
import { outrankedFilter } from './checks/outranked-filter.ts';
import { pastTheHost } from './checks/past-the-host.ts';
import { privileged } from './checks/privileged.ts';
import { publishedEverywhere } from './checks/published-everywhere.ts';
import { sharedNetwork } from './checks/shared-network.ts';
import { shortUplink } from './checks/short-uplink.ts';
import { sluiceShared } from './checks/sluice-shared.ts';
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
  engineOnNetwork,
  privileged,
  hostFiles,
  sluiceShared,
  daemonTrouble,
  noDaemon,
  dnsFromHost,
  logFromHost,
  networkVolume,
  hostNetwork,
  pastTheHost,
  netAdmin,
  hostProcesses,
  othersProcesses,
  hostSocket,
  hostUsers,
  dockerUserDead,
  backendMismatch,
  twoRuleEngines,
  ip6Unmanaged,
  bridgeRulesIdle,
  unpublishedOpen,
  loopbackRouted,
  shortUplink,
  flowtable,
  flushedAtReload,
  firewalldEmpties,
  conntrackFull,
  noLastLine,
  conntrackLiberal,
  bridgeRulesCut,
  publishedEverywhere,
  sharedNetwork,
  imageLabels,
];
