import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { checkout, type Host } from '../../../lab/host.ts';

const shown = new WeakSet<Host>();
const folder = '/opt/checkout';

/** Runs one of this folder's programs on a lab's Docker host, in all its namespaces; returns the JSON it printed. */
export async function runInside(
  host: Host,
  program: 'world' | 'flows' | 'bridge',
  ...args: readonly string[]
): Promise<unknown> {
  return JSON.parse(await host.must([...(await command(host, program)), ...args])) as unknown;
}

/** Starts one of this folder's programs there. */
export async function spawnInside(
  host: Host,
  program: 'mirror',
  ...args: readonly string[]
): Promise<ChildProcessWithoutNullStreams> {
  return host.spawn([...(await command(host, program)), ...args]);
}

async function command(host: Host, program: string): Promise<readonly string[]> {
  if (!shown.has(host)) await host.bind(checkout, folder);
  shown.add(host);
  return [`${folder}/node_modules/.bin/node`, `${folder}/test/host/inside/${program}.ts`];
}
