import { checkout, type Host } from '../../../lab/host.ts';

const shown = new WeakSet<Host>();

/** Runs one of this folder's programs on a lab's Docker host, in all its namespaces; returns the JSON it printed. */
export async function runInside(
  host: Host,
  program: 'world' | 'flows' | 'bridge',
  ...args: readonly string[]
): Promise<unknown> {
  const folder = '/opt/checkout';
  if (!shown.has(host)) await host.bind(checkout, folder);
  shown.add(host);
  const node = `${folder}/node_modules/.bin/node`;
  return JSON.parse(await host.must([node, `${folder}/test/host/inside/${program}.ts`, ...args])) as unknown;
}
