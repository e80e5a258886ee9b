import { stat } from 'node:fs/promises';

/** Those of the paths that are unix sockets, links followed; what cannot be looked at is none. */
export async function socketPaths(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const is = await stat(path).then(
      (stats) => stats.isSocket(),
      () => false,
    );
    if (is) found.push(path);
  }
  return found;
}
