import type { Container } from './world.ts';

/**
 * The workload a container belongs to, as people write it: `PROJECT/SERVICE` with both of Compose's labels, else
 * `container/NAME`. Not escaped: labels may hold anything, so it goes through the printer of whatever shows it.
 */
export function workloadName(container: Pick<Container, 'name' | 'project' | 'service'>): string {
  const { name, project, service } = container;
  return project !== null && service !== null ? `${project}/${service}` : `container/${name}`;
}
