import type { Block, Policy } from '../policy/model.ts';

/** Every time at which something in a policy ends, milliseconds since the epoch. */
export function untilsOf(policy: Policy): readonly number[] {
  const { groups, guardrails } = policy;
  const untils = new Set<number>();
  const note = ({ until }: { readonly until?: number }) => {
    if (until !== undefined) untils.add(until);
  };
  for (const { allow, deny } of blocksOf(policy)) {
    for (const item of allow?.items ?? []) if (item.kind === 'destination') note(item.destination);
    deny?.forEach(note);
  }
  for (const { members } of groups.values()) members.forEach(note);
  guardrails.deny.forEach(note);
  for (const exception of guardrails.except) {
    note(exception);
    note(exception.to);
  }
  return [...untils];
}

function blocksOf({ projects, containers, compose }: Policy): readonly Block[] {
  return [
    ...projects.flatMap((project) => [project, ...project.services]),
    ...containers,
    ...compose.flatMap(({ top, services, networks }) => [
      ...(top === undefined ? [] : [top]),
      ...services.values(),
      ...networks.values(),
    ]),
  ];
}
