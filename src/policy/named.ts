import type { Destination } from './model.ts';

/**
 * Whom an entry names by who they are, as text that is the same for the same: services, projects, containers, networks. Each of
 * them comes to two sets in the kernel, and an element of both for everybody who is meant. Not what is one for all, such as
 * `same-project`, nor groups, which are the operator's.
 */
export function namedIn({ who }: Destination): readonly string[] {
  return who.flatMap((one) => {
    switch (one.kind) {
      case 'service':
        return [`service ${one.service}`];
      case 'workload':
        return [`project ${one.project.text}/${one.service?.text ?? ''}`];
      case 'container':
        return [`container ${one.name.text}`];
      case 'network':
        return [`network ${one.name}`];
      default:
        return [];
    }
  });
}
