import { serveControl } from '../control/server.ts';
import { openEngine } from '../docker/client.ts';
import type { EngineAddress } from '../docker/context.ts';
import { followEvents } from '../docker/events.ts';
import { openMirror } from '../docker/mirror.ts';
import { hostKernel } from '../enforce/host-kernel.ts';
import { kernelConntrack } from '../host/conntrack.ts';
import { kernelView } from '../host/kernel-view.ts';
import { LastLine } from '../netlink/last-line.ts';
import { ElementWriter } from '../netlink/set-elements.ts';
import { shutBridges } from '../netlink/shut-bridges.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { arrivalChain } from '../nftables/inet-table.ts';
import { defaultMarks, unprovenMark } from '../nftables/marks.ts';
import { readProvenPorts, readStanding } from '../nftables/standing.ts';
import type { Store } from '../state/store.ts';
import { type Capability, howToGive } from './capabilities.ts';
import { Daemon } from './daemon.ts';
import { startGuard } from './guard/start.ts';
import { lastLinePort } from './last-line-port.ts';
import { OwnChanges } from './own-changes.ts';
import type { KernelPort, Log, PolicyPort } from './ports.ts';
import { comeFirst } from './scheduling.ts';
import { giveBack, keepHeapSmall } from './small-heap.ts';
import { FileWatch } from './watch-files.ts';

export interface RunOptions {
  readonly policy: PolicyPort;
  readonly store: Store;
  /** Names this boot of the kernel. */
  readonly boot: string;
  /** Path of the control socket. */
  readonly socket: string;
  readonly engine: EngineAddress;
  /** Whether the policy is taken anew whenever one of its files changes. */
  readonly watch: boolean;
  /** What it could do its work better with. */
  readonly lacks: readonly Capability[];
  readonly log: Log;
}

/**
 * Runs the daemon until it is told to end, by a signal or over its socket. The kernel then stays as it is.
 *
 * @throws ControlError when one runs already, NoPolicyError when there is nothing to begin with
 */
export async function runDaemon(options: RunOptions): Promise<void> {
  const { log, policy, engine } = options;
  keepHeapSmall();
  comeFirst();
  const ending = Promise.withResolvers<void>();
  const daemon = Promise.withResolvers<Daemon>();
  daemon.promise.catch(() => {}); // whoever asks meanwhile is told; and so is our caller
  const control = await serveControl(options.socket, {
    status: async () => (await daemon.promise).status(),
    apply: async (request) => (await daemon.promise).apply(request),
    rollback: async (request) => (await daemon.promise).rollback(request),
    confirm: async () => (await daemon.promise).confirm(),
    stop: () => ending.resolve(),
  });
  const watch = new FileWatch(() => void reload());
  const reload = async () => {
    await (await daemon.promise).reload();
    if (options.watch) await watchFiles(watch, policy);
  };
  const onHangUp = () => {
    log('info', 'SIGHUP: reading the policy');
    void reload();
  };
  const onEnd = () => ending.resolve();
  process.on('SIGHUP', onHangUp);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onEnd);
  const netlink = NetlinkSocket.open('netfilter');
  try {
    const running = await Daemon.start({
      now: Date.now,
      policy,
      memory: options.store,
      boot: options.boot,
      engine: {
        address: `unix://${engine.path}`,
        mirror: (onLate) => openMirror(openEngine(engine), kernelView(), onLate),
        follow: (hear) => followEvents(engine, hear),
      },
      kernel: kernelPort(netlink, log),
      guard: (hear) => {
        const guard = startGuard({ engine: engine.path });
        guard.on(hear);
        return guard;
      },
      lacks: options.lacks.map((one) => ({
        code: 'not-allowed',
        message: `${one.name} is missing, by which it ${one.use}`,
        fix: howToGive(one),
      })),
      onCalm: giveBack,
      log,
    });
    daemon.resolve(running);
    if (options.watch) await watchFiles(watch, policy);
    log('info', `running (pid ${process.pid}); sluice status tells what is in force`);
    await ending.promise;
    log('info', 'ending; the kernel stays as it is');
    await running.stop();
  } catch (error) {
    daemon.reject(error);
    throw error;
  } finally {
    watch.stop();
    await control.close();
    netlink[Symbol.dispose]();
    process.off('SIGHUP', onHangUp);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onEnd);
  }
}

async function watchFiles(watch: FileWatch, policy: PolicyPort): Promise<void> {
  const { files, folders } = await policy.places();
  watch.set(files, folders);
}

function kernelPort(netlink: NetlinkSocket, log: Log): KernelPort {
  const own = new OwnChanges();
  const writer = new ElementWriter(netlink);
  return {
    nft: own.run,
    setElements: (remove, add) => writer.set(remove, add),
    shut: (bridges) => shutBridges(netlink, bridges, arrivalChain),
    lastLine: lastLinePort(lastLineOver(netlink), log),
    bridges: hostKernel.bridges,
    conntrack: kernelConntrack,
    standing: async () => {
      const tables = [readStanding(own.run, 'inet', 'sluice'), readStanding(own.run, 'bridge', 'sluice')];
      return (await Promise.all(tables)).every((table) => table !== null);
    },
    proven: () => readProvenPorts(own.run),
    isOwn: (portId) => portId === netlink.portId || own.has(portId),
  };
}

function lastLineOver(netlink: NetlinkSocket): LastLine {
  const { priority } = arrivalChain;
  return new LastLine(netlink, { proven: defaultMarks.proven, unproven: unprovenMark, priority });
}
