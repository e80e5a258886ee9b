import { connectDaemon } from '../../control/client.ts';
import { desiredCapabilities, howToGive, missingOf, requiredCapabilities } from '../../daemon/capabilities.ts';
import { type Ended, runDaemon } from '../../daemon/run.ts';
import { readSmallFile } from '../../host/files.ts';
import { bootId } from '../../state/boot.ts';
import { lockState } from '../../state/lock.ts';
import { Store } from '../../state/store.ts';
import type { DaemonOptions } from '../daemon-options.ts';
import { daemonPolicy } from '../daemon-policy.ts';
import { CliError } from '../error.ts';
import type { Ports } from '../ports.ts';
import { findHostEngine } from './engine.ts';

const patience = 5_000; // ms: a command may be at it, and ends soon

/**
 * Runs the daemon to its end. The state directory is its own meanwhile.
 *
 * @throws CliError when one runs already or there is no engine that could be asked, StateError when another has the state
 */
export async function runDaemonHere(options: DaemonOptions, ports: Ports): Promise<Ended> {
  const status = readSmallFile('/proc/self/status');
  const [missing] = missingOf(requiredCapabilities, status);
  if (missing !== undefined)
    throw new CliError(
      'unable',
      `the daemon may not do its work without ${missing.name}: it ${missing.use}`,
      howToGive(missing),
    );
  const engine = findHostEngine(options.host, ports.env);
  await refuseSecond(options.socket);
  await using _lock = await lockState(options.state, patience);
  return await runDaemon({
    policy: await daemonPolicy(options.config, ports),
    store: new Store(options.state, ports.files),
    boot: await bootId(ports.files),
    socket: options.socket,
    engine,
    backend: options.backend,
    watch: options.watch,
    lacks: missingOf(desiredCapabilities, status),
    log: options.log,
  });
}

/** Said before the state is found taken, since it says more. */
async function refuseSecond(socket: string): Promise<void> {
  const daemon = await connectDaemon(socket);
  if (daemon === null) return;
  const pid = await daemon.status().then(
    ({ pid }) => ` (pid ${pid})`,
    () => '',
  );
  throw new CliError('unable', `already running${pid}: a daemon listens at ${socket}`, 'sluice status');
}
