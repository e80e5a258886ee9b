import type { WorkloadSelector } from '../policy/model.ts';
import { matches } from '../policy/pattern.ts';
import type { Container } from '../world/world.ts';
import { isComposed } from './world-index.ts';

const knownParts = new WeakMap<object, readonly [string, string]>();

/** The workload's name in two parts, `PROJECT` and `SERVICE`, or `container` and its name. The same for the same object. */
export function workloadParts(container: Pick<Container, 'name' | 'project' | 'service'>): readonly [string, string] {
  let parts = knownParts.get(container);
  if (parts === undefined) {
    const { project, service, name } = container;
    parts = project !== null && service !== null ? [project, service] : ['container', name];
    knownParts.set(container, parts);
  }
  return parts;
}

/** Whether a `from` means a container. */
export function selects(selector: WorkloadSelector, container: Container): boolean {
  if (selector.kind === 'container') return !isComposed(container) && matches(selector.name, container.name);
  return (
    isComposed(container) &&
    matches(selector.project, container.project ?? '') &&
    matches(selector.service, container.service ?? '')
  );
}
