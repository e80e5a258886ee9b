import { serveControl } from '../control/server.ts';
import { openEngine } from '../docker/client.ts';
import type { EngineAddress } from '../docker/context.ts';
import { followEvents } from '../docker/events.ts';
import { openMirror } from '../docker/mirror.ts';
import type { BackendChoice } from '../enforce/backend.ts';
import { backendOfText, type Choice, chooseBackend, standingBackends } from '../enforce/choose-backend.ts';
import { hostKernel } from '../enforce/host-kernel.ts';
import { hostFacts } from '../enforce/iptables-backend.ts';
import { kernelConntrack } from '../host/conntrack.ts';
import { readSmallFile } from '../host/files.ts';
import { kernelView } from '../host/kernel-view.ts';
import { seatingCommands, type XtablesOptions } from '../iptables/backend.ts';
import { XtablesError } from '../iptables/command.ts';
import { toolsOf, type Variant } from '../iptables/tools.ts';
import { LastLine } from '../netlink/last-line.ts';
import { ElementWriter } from '../netlink/set-elements.ts';
import { shutBridges } from '../netlink/shut-bridges.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { arrivalChain } from '../nftables/inet-table.ts';
import { defaultMarks, unprovenMark } from '../nftables/marks.ts';
import type { Store } from '../state/store.ts';
import { type Capability, howToGive, iptablesCapabilities, missingOf } from './capabilities.ts';
import { Daemon } from './daemon.ts';
import { startGuard } from './guard/start.ts';
import { heldInIptables } from './held-in-iptables.ts';
import { heldInNftables } from './held-in-nftables.ts';
import { lastLinePort } from './last-line-port.ts';
import { OwnChanges } from './own-changes.ts';
import { type KernelPort, type Log, messageOf, type PolicyPort } from './ports.ts';
import { comeFirst } from './scheduling.ts';
import { lookApart, lookingCommand } from './seen.ts';
import { compileOften, compileSeldom, giveBack, giveBackMuch, keepHeapSmall } from './small-heap.ts';
import { takingOver } from './taking-over.ts';
import { uptime } from './uptime.ts';
import { FileWatch } from './watch-files.ts';
import type { XtablesPorts } from './xtables-holder.ts';

export interface RunOptions {
  readonly policy: PolicyPort;
  readonly store: Store;
  /** Names this boot of the kernel. */
  readonly boot: string;
  /** Path of the control socket. */
  readonly socket: string;
  readonly engine: EngineAddress;
  /** null: in what rules of ours stand, or were remembered, or as is usual. */
  readonly backend: BackendChoice | null;
  /** Whether the policy is taken anew whenever one of its files changes. */
  readonly watch: boolean;
  /** What it could do its work better with. */
  readonly lacks: readonly Capability[];
  readonly log: Log;
}

/** Why it has ended. `nothing before`: a change nobody confirmed is to be taken back, before which nothing was in force. */
export type Ended = 'told to' | 'nothing before';

/**
 * Runs the daemon until it is told to end, by a signal or over its socket. The kernel then stays as it is.
 *
 * @throws ControlError when one runs already, NoPolicyError when there is nothing to begin with
 */
export async function runDaemon(options: RunOptions): Promise<Ended> {
  const { log, policy, engine } = options;
  keepHeapSmall();
  comeFirst();
  const ending = Promise.withResolvers<Ended>();
  const daemon = Promise.withResolvers<Daemon>();
  daemon.promise.catch(() => {}); // whoever asks meanwhile is told; and so is our caller
  const control = await serveControl(options.socket, {
    status: async () => (await daemon.promise).status(),
    apply: async (request) => (await daemon.promise).apply(request),
    rollback: async (request) => (await daemon.promise).rollback(request),
    confirm: async () => (await daemon.promise).confirm(),
    stop: () => ending.resolve('told to'),
  });
  const watch = new FileWatch(
    () => void reload(),
    (folder, reason) =>
      log(
        'warning',
        `${folder} cannot be watched (${reason}), and is looked at every few seconds: raise fs.inotify.max_user_instances and max_user_watches`,
      ),
  );
  const reload = async () => {
    try {
      await (await daemon.promise).reload();
      if (options.watch) await watchFiles(watch, policy);
    } catch (error) {
      log('error', `the policy was not read anew: ${messageOf(error)}`);
    }
  };
  const onHangUp = () => {
    log('info', 'SIGHUP: reading the policy');
    void reload();
  };
  const onEnd = () => ending.resolve('told to');
  process.on('SIGHUP', onHangUp);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onEnd);
  const netlink = NetlinkSocket.open('netfilter');
  const own = new OwnChanges();
  try {
    const choice = await choose(options.backend, options.store);
    const kernel = await kernelPort(netlink, own, choice, log);
    if (kernel.backend !== 'nftables') compileOften();
    for (const other of choice.replaced)
      log('info', `taking over from ${other.name}: its rules go when those of ${kernel.backend} stand`);
    const running = await Daemon.start({
      now: Date.now,
      elapsed: uptime,
      policy,
      memory: options.store,
      boot: options.boot,
      engine: {
        address: `unix://${engine.path}`,
        mirror: (onLate) => openMirror(openEngine(engine), kernelView(), onLate),
        follow: (hear) => followEvents(engine, hear),
      },
      kernel,
      bridges: () =>
        kernelView()
          .links()
          .flatMap(({ kind, name, index }) => (kind === 'bridge' ? [{ name, index }] : [])),
      guard: (hear) => {
        const guard = startGuard({ engine: engine.path, seats: kernel.backend === 'nftables' });
        guard.on(hear);
        return guard;
      },
      lacks: options.lacks.map((one) => ({
        code: 'not-allowed',
        message: `${one.name} is missing, by which it ${one.use}`,
        fix: howToGive(one),
      })),
      onCalm: () => {
        compileSeldom();
        giveBack();
      },
      onMinute: () => {
        compileSeldom();
        giveBackMuch();
      },
      onNothingBefore: () => ending.resolve('nothing before'),
      log,
    });
    daemon.resolve(running);
    if (options.watch) await watchFiles(watch, policy);
    const what = kernel.backend === 'nftables' ? '' : `, with ${kernel.backend}`;
    log('info', `running (pid ${process.pid}${what}); sluice status tells what is in force`);
    const ended = await ending.promise;
    log('info', ended === 'told to' ? 'ending; the kernel stays as it is' : 'ending, so that nothing of ours stays');
    await running.stop();
    return ended;
  } catch (error) {
    daemon.reject(error);
    throw error;
  } finally {
    watch.stop();
    await control.close();
    netlink[Symbol.dispose]();
    own[Symbol.dispose]();
    process.off('SIGHUP', onHangUp);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onEnd);
  }
}

async function watchFiles(watch: FileWatch, policy: PolicyPort): Promise<void> {
  const { files, folders } = await policy.places();
  watch.set(files, folders);
}

/** The backend that was asked for, else the one whose rules stand, else the one of those remembered, else the usual one. */
async function choose(asked: BackendChoice | null, store: Store): Promise<Choice> {
  if (asked !== null) return chooseBackend(asked);
  const standing = await standingBackends();
  if (standing === null || standing.length > 0) return chooseBackend(null);
  const rules = await store.readRules();
  return rules.kind === 'good' ? backendOfText(rules.value.text) : chooseBackend(null);
}

/** @throws XtablesError when a command or a capability is missing */
async function xtablesPorts(variant: Variant, { commands }: OwnChanges): Promise<XtablesPorts> {
  const [missing] = missingOf(iptablesCapabilities, readSmallFile('/proc/self/status'));
  if (missing !== undefined)
    throw new XtablesError(
      `the daemon cannot hold rules in iptables without ${missing.name}: it ${missing.use}; ${howToGive(missing)}`,
    );
  const xtables: XtablesOptions = { run: commands.run, tools: await toolsOf(variant, commands.run) };
  for (const [program, args] of seatingCommands(xtables.tools)) commands.keep(program, args);
  return {
    xtables,
    looking: lookingCommand,
    lookApart,
    facts: () => hostFacts(xtables),
    bridges: hostKernel.bridges,
    conntrack: kernelConntrack,
  };
}

async function kernelPort(netlink: NetlinkSocket, own: OwnChanges, choice: Choice, log: Log): Promise<KernelPort> {
  const writer = new ElementWriter(netlink);
  const { bridges } = hostKernel;
  const { name } = choice.backend;
  const heldIn =
    name === 'nftables'
      ? heldInNftables({
          nft: own.run,
          setElements: (remove, add) => writer.set(remove, add),
          shut: (some) => shutBridges(netlink, some, arrivalChain),
          lastLine: lastLinePort(lastLineOver(netlink), log),
          bridges,
          conntrack: kernelConntrack,
        })
      : heldInIptables(await xtablesPorts(name === 'iptables-nft' ? 'nft' : 'legacy', own));
  return { ...takingOver(heldIn, choice), isOwn: (portId) => portId === netlink.portId || own.has(portId) };
}

function lastLineOver(netlink: NetlinkSocket): LastLine {
  const { priority } = arrivalChain;
  return new LastLine(netlink, { proven: defaultMarks.proven, unproven: unprovenMark, priority });
}
