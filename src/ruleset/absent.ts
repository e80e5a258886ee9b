import { diagnostic } from '../policy/codes.ts';
import type { Diagnostic } from '../policy/diagnostic.ts';
import type { Block, Destination, NamePattern, Policy, Who, WorkloadSelector } from '../policy/model.ts';
import { matches } from '../policy/pattern.ts';
import type { SourceRef } from '../policy/source.ts';
import { workloadName } from '../world/workload.ts';
import { crowdMembers } from './crowd.ts';
import { isComposed, type WorldIndex } from './world-index.ts';

/** Warnings for what a policy says of workloads of which the engine has no container, running or stopped. */
export function absentWorkloads(policy: Policy, index: WorldIndex): readonly Diagnostic[] {
  const composed = index.containers.filter(isComposed);
  const isThere = (project: NamePattern, service: NamePattern | null) =>
    crowdMembers({ kind: 'project', project, service }, index).length > 0;
  const isContainer = (name: NamePattern) => crowdMembers({ kind: 'container', name }, index).length > 0;

  const absent = (source: SourceRef, what: string, name?: NamePattern): Diagnostic =>
    diagnostic('nothingRuns', source, `nothing runs ${what} yet`, {
      fix: name === undefined ? undefined : composedAs(name),
    });
  const composedAs = (name: NamePattern): string | undefined => {
    const found = composed.find((container) => matches(name, container.name));
    return found === undefined ? undefined : `Compose runs a container of this name: call it "${workloadName(found)}"`;
  };

  const ofSelector = (selector: WorkloadSelector, source: SourceRef): readonly Diagnostic[] => {
    if (selector.kind === 'container')
      return isContainer(selector.name) ? [] : [absent(source, `container/${selector.name.text}`, selector.name)];
    const { project, service } = selector;
    return isThere(project, service) ? [] : [absent(source, `${project.text}/${service.text}`)];
  };
  const ofWho = (who: Who, source: SourceRef): readonly Diagnostic[] => {
    if (who.kind === 'container')
      return isContainer(who.name) ? [] : [absent(source, `container/${who.name.text}`, who.name)];
    if (who.kind !== 'workload' || isThere(who.project, who.service)) return [];
    return [absent(source, `project/${who.project.text}${who.service === null ? '' : `/${who.service.text}`}`)];
  };
  const ofList = (list: readonly Destination[]) =>
    list.flatMap(({ who, source }) => who.flatMap((one) => ofWho(one, source)));
  const ofBlock = (block: Block) =>
    ofList([
      ...(block.allow?.items ?? []).flatMap((item) => (item.kind === 'destination' ? [item.destination] : [])),
      ...(block.deny ?? []),
    ]);

  return [
    ...policy.projects.flatMap((project) => [
      ...(isThere(project.pattern, null)
        ? project.services.flatMap((service) =>
            isThere(project.pattern, service.pattern)
              ? []
              : [absent(service.source, `${project.pattern.text}/${service.pattern.text}`)],
          )
        : [absent(project.source, `project ${JSON.stringify(project.pattern.text)}`)]),
      ...ofBlock(project),
      ...project.services.flatMap(ofBlock),
    ]),
    ...policy.containers.flatMap((block) => [
      ...(isContainer(block.pattern) ? [] : [absent(block.source, `container/${block.pattern.text}`, block.pattern)]),
      ...ofBlock(block),
    ]),
    ...[...policy.groups.values()].flatMap(({ members }) => ofList(members)),
    ...ofList(policy.guardrails.deny),
    ...policy.guardrails.except.flatMap(({ from, to, source }) => [
      ...from.flatMap((selector) => ofSelector(selector, source)),
      ...ofList([to]),
    ]),
  ];
}
