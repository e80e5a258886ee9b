import { homedir } from 'node:os';
import { connectEngine } from '../../docker/client.ts';
import { type EngineAddress, findEngine } from '../../docker/context.ts';
import { readWorld } from '../../docker/snapshot.ts';
import { readSmallFile } from '../../host/files.ts';
import { kernelView } from '../../host/kernel-view.ts';
import { CliError } from '../error.ts';
import type { EnginePort, Ports } from '../ports.ts';

/**
 * Where the engine of this host is, found as Docker's own client finds it.
 *
 * @param address `--host`, in the form of DOCKER_HOST
 * @throws CliError (unable) where there is none
 */
export function findHostEngine(address: string | undefined, env: Ports['env']): EngineAddress {
  const found = findEngine({
    env: address === undefined ? env : { ...env, DOCKER_HOST: address },
    homeDirectory: homedir(),
    readFile: readSmallFile,
  });
  if (found.kind !== 'no-engine') return found;
  const message = address === undefined ? found.message : found.message.replace('DOCKER_HOST', '--host');
  throw new CliError('unable', message, found.fix);
}

/** A connection to it. @throws CliError as {@link findHostEngine}, EngineError when it does not answer */
export async function openEngine(address: string | undefined, env: Ports['env']): Promise<EnginePort> {
  const found = findHostEngine(address, env);
  const api = await connectEngine(found);
  return {
    address: `unix://${found.path}`,
    readWorld: () => readWorld(api, kernelView()),
    version: () => api.version(),
    info: () => api.info(),
    volumes: () => api.volumes(),
  };
}
