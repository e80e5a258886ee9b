import { homedir } from 'node:os';
import { connectDaemon } from '../../control/client.ts';
import { type EngineAddress, findEngine } from '../../docker/context.ts';
import { readSmallFile } from '../../host/files.ts';
import { bootId } from '../../state/boot.ts';
import { lockState } from '../../state/lock.ts';
import { Store } from '../../state/store.ts';
import type { DaemonOptions } from '../daemon-options.ts';
import { daemonPolicy } from '../daemon-policy.ts';
import { CliError } from '../error.ts';
import type { Ports } from '../ports.ts';

const patience = 5_000; // ms: a command may be at it, and ends soon

/**
 * Runs the daemon to its end. The state directory is its own meanwhile.
 *
 * @throws CliError when one runs already or there is no engine that could be asked, StateError when another has the state
 */
export async function runDaemonHere(options: DaemonOptions, ports: Ports): Promise<void> {
  const engine = engineAt(options.host, ports);
  await refuseSecond(options.socket);
  await using _lock = await lockState(options.state, patience);
  const parts = {
    policy: await daemonPolicy(options.config, ports),
    store: new Store(options.state, ports.files),
    boot: await bootId(ports.files),
    socket: options.socket,
    engine,
    watch: options.watch,
    log: options.log,
  };
  throw new CliError('unable', `this build has no daemon yet for ${parts.socket}`);
}

function engineAt(address: string | undefined, ports: Ports): EngineAddress {
  const found = findEngine({
    env: address === undefined ? ports.env : { ...ports.env, DOCKER_HOST: address },
    homeDirectory: homedir(),
    readFile: readSmallFile,
  });
  if (found.kind === 'unix') return found;
  throw new CliError(
    'unable',
    address === undefined ? found.message : found.message.replace('DOCKER_HOST', '--host'),
    found.fix,
  );
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
