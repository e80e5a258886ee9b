import { serveControl } from '../control/server.ts';
import { openEngine } from '../docker/client.ts';
import type { EngineAddress } from '../docker/context.ts';
import { followEvents } from '../docker/events.ts';
import { openMirror } from '../docker/mirror.ts';
import type { BackendChoice } from '../enforce/backend.ts';
import { kernelView } from '../host/kernel-view.ts';
import type { Store } from '../state/store.ts';
import { type Capability, howToGive } from './capabilities.ts';
import { Daemon, type Handed } from './daemon.ts';
import { startGuard } from './guard/start.ts';
import { choose, chooseNext, type OpenKernel, openKernel } from './open-kernel.ts';
import { type DaemonPorts, type Log, messageOf, type PolicyPort } from './ports.ts';
import { comeFirst } from './scheduling.ts';
import {
  compileNoMoreThanNeeded,
  compileOften,
  compileSeldom,
  giveBack,
  giveBackMuch,
  keepHeapSmall,
} from './small-heap.ts';
import { Succession } from './succession.ts';
import { uptime } from './uptime.ts';
import { FileWatch } from './watch-files.ts';

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
  const { log, policy, store } = options;
  keepHeapSmall();
  comeFirst();
  const startedAt = Date.now();
  const ending = Promise.withResolvers<Ended>();
  ending.promise.catch(() => {}); // it is waited for once it runs
  const daemons = new Succession({
    started: options.backend,
    choose: chooseNext,
    open: (choice) => openKernel(choice, log),
    start: (kernel, handed) =>
      startDaemon(options, { kernel, handed, startedAt, onNothingBefore: () => ending.resolve('nothing before') }),
    failed: (error) => ending.reject(error),
    log,
  });
  const control = await serveControl(options.socket, {
    status: daemons.status,
    apply: daemons.apply,
    rollback: daemons.rollback,
    confirm: daemons.confirm,
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
      await daemons.reload();
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
  try {
    const backend = await daemons.begin(() => choose(options.backend, store));
    if (options.watch) await watchFiles(watch, policy);
    const what = backend === 'nftables' ? '' : `, with ${backend}`;
    log('info', `running (pid ${process.pid}${what}); sluice status tells what is in force`);
    const ended = await ending.promise;
    log('info', ended === 'told to' ? 'ending; the kernel stays as it is' : 'ending, so that nothing of ours stays');
    await daemons.end();
    return ended;
  } finally {
    watch.stop();
    await control.close();
    process.off('SIGHUP', onHangUp);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, onEnd);
  }
}

/** What the daemons of one process differ in. */
interface Start {
  readonly kernel: OpenKernel;
  readonly handed: Handed | null;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly onNothingBefore: () => void;
}

function startDaemon(
  { policy, store, boot, engine, lacks, log }: RunOptions,
  { kernel, handed, startedAt, onNothingBefore }: Start,
): Promise<Daemon> {
  const isNftables = kernel.backend === 'nftables';
  if (isNftables) compileNoMoreThanNeeded();
  else compileOften();
  const ports: DaemonPorts = {
    now: Date.now,
    elapsed: uptime,
    startedAt,
    policy,
    memory: store,
    boot,
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
      const guard = startGuard({ engine: engine.path, seats: isNftables });
      guard.on(hear);
      return guard;
    },
    lacks: lacks.map((one) => ({
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
    onNothingBefore,
    log,
  };
  return Daemon.start(ports, handed);
}

async function watchFiles(watch: FileWatch, policy: PolicyPort): Promise<void> {
  const { files, folders } = await policy.places();
  watch.set(files, folders);
}
