import { diagnostic } from './codes.ts';
import type { Block, ProjectBlock, ServiceBlock } from './model.ts';
import type { Report } from './piece.ts';
import { emptyPart, type PolicyPart } from './policy-file.ts';
import { formatSource, type SourceRef } from './source.ts';

/**
 * Joins what several files say into one. Maps are joined key by key; a key that two files set is reported with both
 * places, for the order of files must not decide anything. Lists are set by one file.
 */
export function joinParts(parts: readonly PolicyPart[], report: Report): PolicyPart {
  const [first, ...rest] = parts;
  return rest.reduce((joined, part) => join(joined, part, report), first ?? emptyPart());
}

function join(a: PolicyPart, b: PolicyPart, report: Report): PolicyPart {
  const list = <T extends { readonly at: SourceRef }>(key: string, one: T | undefined, two: T | undefined) => {
    if (one !== undefined && two !== undefined) twice(key, one.at, two.at, report);
    return one ?? two;
  };
  for (const [key, { at }] of b.defaults) {
    const before = a.defaults.get(key);
    if (before !== undefined) twice(`defaults.${key}`, before.at, at, report);
  }
  return {
    defaults: new Map([...b.defaults, ...a.defaults]),
    groups: byName(
      a.groups,
      b.groups,
      ({ name }) => name,
      (one, two) => {
        twice(`groups.${one.name}`, one.source, two.source, report);
        return one;
      },
    ),
    guardrails: a.guardrails ?? b.guardrails,
    guardDeny: list('guardrails.deny', a.guardDeny, b.guardDeny),
    guardExcept: list('guardrails.except', a.guardExcept, b.guardExcept),
    projects: byName(a.projects, b.projects, nameOf, (one, two) => joinProject(one, two, report)),
    containers: byName(a.containers, b.containers, nameOf, (one, two) => ({
      ...one,
      ...joinBlock(one, two, `containers.${one.pattern.text}`, report),
    })),
    compose: list('compose', a.compose, b.compose),
    tests: list('tests', a.tests, b.tests),
  };
}

function joinProject(one: ProjectBlock, two: ProjectBlock, report: Report): ProjectBlock {
  const path = `projects.${one.pattern.text}`;
  const service = (a: ServiceBlock, b: ServiceBlock) => ({
    ...a,
    ...joinBlock(a, b, `${path}.services.${a.pattern.text}`, report),
  });
  return {
    ...one,
    ...joinBlock(one, two, path, report),
    services: byName(one.services, two.services, nameOf, service),
  };
}

/** Joins two blocks of the same name; what both say is reported. Blocks of compose files are joined by nobody. */
function joinBlock(one: Block, two: Block, path: string, report: Report): Block {
  if (one.modeSource && two.modeSource) twice(`${path}.mode`, one.modeSource, two.modeSource, report);
  if (one.allow && two.allow) twice(`${path}.allow`, one.allow.source, two.allow.source, report);
  if (one.deny && two.deny)
    twice(`${path}.deny`, one.deny[0]?.source ?? one.source, two.deny[0]?.source ?? two.source, report);
  return { ...two, ...one };
}

function nameOf({ pattern }: { readonly pattern: { readonly text: string } }): string {
  return pattern.text;
}

function byName<T>(a: readonly T[], b: readonly T[], name: (one: T) => string, both: (one: T, two: T) => T): T[] {
  const joined = new Map(a.map((one) => [name(one), one]));
  for (const two of b) {
    const one = joined.get(name(two));
    joined.set(name(two), one === undefined ? two : both(one, two));
  }
  return [...joined.values()];
}

/** Reports a key that two files set, at the second place. */
export function twice(key: string, first: SourceRef, second: SourceRef, report: Report): void {
  const message = `"${key}" is set in two files: ${formatSource(first)} and ${formatSource(second)}`;
  report(diagnostic('keyInTwoFiles', second, message, { fix: 'keep one of the two', related: [first] }));
}
