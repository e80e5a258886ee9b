import { homedir } from 'node:os';
import { connectEngine } from '../../docker/client.ts';
import { findEngine } from '../../docker/context.ts';
import { readWorld } from '../../docker/snapshot.ts';
import { readSmallFile } from '../../host/files.ts';
import { kernelView } from '../../host/kernel-view.ts';
import { CliError } from '../error.ts';
import type { EnginePort, Ports } from '../ports.ts';

/**
 * The engine of this host, found as Docker's own client finds it.
 *
 * @param address `--host`, in the form of DOCKER_HOST
 * @throws CliError (unable) where there is none
 */
export async function openEngine(address: string | undefined, env: Ports['env']): Promise<EnginePort> {
  const found = findEngine({
    env: address === undefined ? env : { ...env, DOCKER_HOST: address },
    homeDirectory: homedir(),
    readFile: readSmallFile,
  });
  if (found.kind === 'no-engine') {
    const message = address === undefined ? found.message : found.message.replace('DOCKER_HOST', '--host');
    throw new CliError('unable', message, found.fix);
  }
  const api = await connectEngine(found);
  return {
    address: `unix://${found.path}`,
    readWorld: () => readWorld(api, kernelView()),
    version: () => api.version(),
  };
}
