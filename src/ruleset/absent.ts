import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Block, Destination, NamePattern, Policy, Who, WorkloadSelector } from '../policy/model.ts';
import { matches } from '../policy/pattern.ts';
import type { SourceRef } from '../policy/source.ts';
import { workloadName } from '../world/workload.ts';
import { crowdMembers } from './crowd.ts';
import { isComposed, type WorldIndex } from './world-index.ts';

/** What a policy says of workloads, wherever it says it. */
export interface NamedWorkloads {
  readonly policy: Policy;
  /** Destinations that are workloads; there may be a hundred thousand that are not. */
  readonly destinations: readonly {
    readonly who: Extract<Who, { readonly kind: 'container' | 'workload' }>;
    readonly source: SourceRef;
  }[];
}

/** Finds them in lists, groups and guardrails of the policy's files; not in Compose files, labels or tests. */
export function workloadsNamedIn(policy: Policy): NamedWorkloads {
  const blocks = [...policy.projects.flatMap((project) => [project, ...project.services]), ...policy.containers];
  const lists: readonly (readonly Destination[])[] = [
    ...blocks.flatMap((block: Block) => [
      (block.allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : [])),
      block.deny ?? [],
    ]),
    ...[...policy.groups.values()].map(({ members }) => members),
    policy.guardrails.deny,
    policy.guardrails.except.map(({ to }) => to),
  ];
  const destinations = lists.flatMap((list) =>
    list.flatMap(({ who, source }) =>
      who.flatMap((one: Who) => (one.kind === 'container' || one.kind === 'workload' ? [{ who: one, source }] : [])),
    ),
  );
  return { policy, destinations };
}

/** Warnings for what a policy says of workloads of which the engine has no container, running or stopped. */
export function absentWorkloads({ policy, destinations }: NamedWorkloads, index: WorldIndex): readonly Diagnostic[] {
  const composed = index.containers.filter(isComposed);
  const exact = new Map<string, Set<string>>();
  for (const { project, service } of composed) {
    const services = exact.get(project ?? '');
    if (services === undefined) exact.set(project ?? '', new Set([service ?? '']));
    else services.add(service ?? '');
  }
  const isThere = (project: NamePattern, service: NamePattern | null) =>
    service === null || project.wild || service.wild
      ? crowdMembers({ kind: 'project', project, service }, index).length > 0
      : exact.get(project.text)?.has(service.text) === true;
  const isContainer = (name: NamePattern) => crowdMembers({ kind: 'container', name }, index).length > 0;

  const absent = (source: SourceRef, what: string, name?: NamePattern): Diagnostic =>
    diagnostic('nothingRuns', source, `nothing runs ${what} yet`, {
      fix: name === undefined ? undefined : composedAs(name),
    });
  const composedAs = (name: NamePattern): string | undefined => {
    const found = composed.find((container) => matches(name, container.name));
    return found === undefined ? undefined : `Compose runs a container of this name: call it "${workloadName(found)}"`;
  };
  const ofContainer = (name: NamePattern, source: SourceRef): readonly Diagnostic[] =>
    isContainer(name) ? [] : [absent(source, `container/${name.text}`, name)];
  const ofSelector = (selector: WorkloadSelector, source: SourceRef): readonly Diagnostic[] => {
    if (selector.kind === 'container') return ofContainer(selector.name, source);
    const { project, service } = selector;
    return isThere(project, service) ? [] : [absent(source, `${project.text}/${service.text}`)];
  };

  return [
    ...policy.projects.flatMap((project) =>
      isThere(project.pattern, null)
        ? project.services.flatMap((service) =>
            isThere(project.pattern, service.pattern)
              ? []
              : [absent(service.source, `${project.pattern.text}/${service.pattern.text}`)],
          )
        : [absent(project.source, `project ${JSON.stringify(project.pattern.text)}`)],
    ),
    ...policy.containers.flatMap((block) => ofContainer(block.pattern, block.source)),
    ...policy.guardrails.except.flatMap(({ from, source }) => from.flatMap((selector) => ofSelector(selector, source))),
    ...destinations.flatMap(({ who, source }) => {
      if (who.kind === 'container') return ofContainer(who.name, source);
      if (isThere(who.project, who.service)) return [];
      return [absent(source, `project/${who.project.text}${who.service === null ? '' : `/${who.service.text}`}`)];
    }),
  ];
}
