/**
 * The guard's thread. It listens to the kernel and to the main thread, and does nothing else: what takes long belongs
 * there, and what makes garbage too.
 */
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { ContainerGroups } from '../../host/container-groups.ts';
import { containersOf, newestProcesses } from '../../host/newest-processes.ts';
import { NetlinkError } from '../../netlink/error.ts';
import { decodeLinkEvents } from '../../netlink/link-events.ts';
import { type MonitorEars, NetlinkMonitor } from '../../netlink/monitor.ts';
import { peerAddresses, peerLink } from '../../netlink/peer.ts';
import { listLinks, netnsIdOf } from '../../netlink/route.ts';
import { RuleEvents, tablesNamed, tablesOfIptables } from '../../netlink/rule-events.ts';
import { ElementWriter } from '../../netlink/set-elements.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { TableFamily } from '../../nftables/model.ts';
import { collect } from '../small-heap.ts';
import { uptime } from '../uptime.ts';
import { engineMembers } from './engine-members.ts';
import { Guard } from './guard.ts';
import { PauseMeter } from './pauses.ts';
import type { ToGuard } from './protocol.ts';
import { rehearse } from './rehearsal.ts';
import type { FromThread, GuardOptions } from './start.ts';

/** What the kernel keeps for us while we are busy: thousands of link events, and a load of some 300,000 elements. */
const waiting = { links: 16 << 20, rules: 32 << 20 } as const;

const main = parentPort;
if (main === null) throw new Error('the guard is a thread of the daemon');
const say = (message: FromThread): void => main.postMessage(message);
const now = (): number => performance.timeOrigin + performance.now();

urge();
const { engine, seats } = workerData as GuardOptions;
const members = engineMembers(engine);
const route = NetlinkSocket.open('route');
const netfilter = NetlinkSocket.open('netfilter');
const writer = new ElementWriter(netfilter);
const groups = new ContainerGroups();
const meter = new PauseMeter();
const guard = new Guard({
  links: () => listLinks(route),
  link: (index) => peerLink(route, { index, netns: null }),
  peerLink: (peer) => peerLink(route, peer),
  peerAddresses: (peer) => peerAddresses(route, peer),
  containers: () => groups.list(),
  namespaces: (container) => groups.processes(container).flatMap((pid) => netnsIdOf(route, pid) ?? []),
  watchWithin: (container) => groups.watchWithin(container),
  disregard: (container) => groups.disregard(container),
  newest: (most) =>
    newestProcesses(most).flatMap((pid) => {
      const netns = netnsIdOf(route, pid);
      return netns === null ? [] : [{ netns, containers: () => containersOf(pid) }];
    }),
  members,
  setElements: (remove, add) => {
    if (seats) writer.set(remove, add);
  },
  say,
  now,
  after: (milliseconds, call) => meter.after(milliseconds, call),
});

const links = NetlinkMonitor.open('links', waiting.links, {
  datagram: (bytes) => meter.turn(() => guard.hearLinks(decodeLinkEvents(bytes))),
  lost: () => {
    say({ kind: 'lost', what: 'links' });
    meter.turn(() => guard.hearLoss());
  },
  ended: (error) => ended(error),
});
const rules = NetlinkMonitor.open('rules', waiting.rules, ruleEars(netfilter.portId));
const unwatch = groups.watch({
  changed: (container) => meter.turn(() => guard.hearGroup(container)),
  overflow: () => meter.turn(() => guard.hearOverflow()),
});
let listening = 2;
say({ kind: 'descriptors', monitors: [links.fd, rules.fd], others: [route.fd, netfilter.fd] });
await guard.begin();
main.on('message', (message: ToGuard) => {
  if (message.kind === 'stop') stop();
  else if (message.kind === 'measure') say({ kind: 'pauses', pauses: meter.read() });
  else meter.turn(() => guard.hear(message));
});
members('0'.repeat(64)).catch(() => {}); // nobody's, so that the connection stands
await rehearse();
collect(); // what a beginning leaves, while nobody waits: later a pause would be a newcomer's
meter.read();
say({ kind: 'ready' });

/** On a busy host everybody else can wait: this thread alone goes first, as far as we may say so (setpriority(2)). */
function urge(): void {
  try {
    setPriority(0, -10);
  } catch {
    // in a container without CAP_SYS_NICE it takes its turn
  }
}

function ruleEars(own: number): MonitorEars {
  const events = new RuleEvents(seats ? tablesNamed('sluice') : tablesOfIptables);
  return {
    datagram: (bytes) =>
      meter.turn(() => {
        for (const { inet, bridge, by } of events.read(bytes)) {
          const tables: TableFamily[] = [...(inet ? ['inet' as const] : []), ...(bridge ? ['bridge' as const] : [])];
          if (tables.length > 0 && by.portId !== own) say({ kind: 'rules', tables, by, at: uptime() });
        }
      }),
    lost: () => {
      events.reset();
      say({ kind: 'lost', what: 'rules' });
    },
    ended: (error) => ended(error),
  };
}

function ended(error: NetlinkError | null): void {
  listening--;
  if (error !== null) {
    say({ kind: 'broken', reason: error.message });
    stop();
  }
  if (listening > 0) return;
  netfilter[Symbol.dispose]();
  route[Symbol.dispose]();
  say({ kind: 'descriptors', monitors: [], others: [] });
  process.exit();
}

/** The thread ends when both monitors have. */
function stop(): void {
  meter.stop();
  unwatch();
  links.close();
  rules.close();
}
