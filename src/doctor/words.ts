import { workloadName } from '../world/workload.ts';
import type { Container } from '../world/world.ts';

/** A container as people know it: `app/app (app-app-1)`, or its name. */
export function who(container: Pick<Container, 'name' | 'project' | 'service'>): string {
  const workload = workloadName(container);
  return workload === `container/${container.name}` ? container.name : `${workload} (${container.name})`;
}

/**
 * Text as one word of a POSIX shell. A name that a terminal would not show as it is comes out changed, and the command
 * then names nothing: it cannot do anything else than it says.
 */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_.,:/@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
