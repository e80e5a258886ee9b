import { resolve } from 'node:path';
import type { NamePattern, Policy } from '../policy/model.ts';
import { matches, patternOf } from '../policy/pattern.ts';
import type { Change } from './changes.ts';
import { counted, safe, wrap } from './text.ts';
import type { View } from './view.ts';

/** A part of a policy. */
export interface PolicyPart {
  /** `projects.shop`, `groups.lan`, `defaults.labels`, `guardrails`, `x-sluice of /srv/shop/compose.yaml`. */
  readonly name: string;
  /** The workloads that it is about, as {@link Change} names them; null where it may be about any. */
  readonly about: NamePattern | null;
  /** The same where it means the same: comments and reasons, which tell people only, are not in it. */
  readonly meaning: string;
}

/** The parts in which two policies say something else, whoever runs. */
export function policyChanges(before: Policy, after: Policy): readonly PolicyPart[] {
  const [was, is] = [partsOf(before), partsOf(after)];
  const gone = [...was.values()].filter(({ name }) => !is.has(name));
  return [...gone, ...[...is.values()].filter(({ name, meaning }) => was.get(name)?.meaning !== meaning)];
}

/** Those of them that nothing else of a plan shows, since what they are about does not run. */
export function untold(
  parts: readonly PolicyPart[],
  changes: readonly Change[],
  defaults: number,
): readonly PolicyPart[] {
  const told = changes.flatMap(({ kind, workload }) => (kind === 'unchanged' ? [] : [workload]));
  return parts.filter(({ about }) =>
    about === null ? told.length + defaults === 0 : !told.some((workload) => matches(about, workload)),
  );
}

function partsOf(policy: Policy): ReadonlyMap<string, PolicyPart> {
  const part = (name: string, about: string | null, said: unknown): readonly [string, PolicyPart] => [
    name,
    { name, about: about === null ? null : patternOf(about), meaning: JSON.stringify(said, meaningOnly) },
  ];
  return new Map([
    ...Object.entries(policy.defaults).map(([word, value]) => part(`defaults.${kebab(word)}`, null, value)),
    ...[...policy.groups.values()].map(({ members, name }) => part(`groups.${name}`, null, members)),
    part('guardrails', null, policy.guardrails),
    ...policy.projects.map((block) => part(`projects.${block.pattern.text}`, `${block.pattern.text}/*`, block)),
    ...policy.containers.map((block) =>
      part(`containers.${block.pattern.text}`, `container/${block.pattern.text}`, block),
    ),
    ...policy.compose.map((block) =>
      part(`x-sluice of ${resolve(block.file)}`, `${block.project}/*`, { ...block, file: '' }),
    ),
  ]);
}

const forPeople = new Set(['source', 'modeSource', 'reason']);

function meaningOnly(key: string, value: unknown): unknown {
  if (forPeople.has(key)) return undefined;
  if (value instanceof Map) return [...value].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return typeof value === 'bigint' ? value.toString() : value;
}

const kebab = (word: string) => word.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const shown = 8;

/** A line for all: `policy  says something else in projects.shop, groups.lan; nothing that runs is touched`. */
export function policyChangeLines(changes: readonly PolicyPart[], { paint, width }: View): readonly string[] {
  if (changes.length === 0) return [];
  const more = changes.length > shown ? ` and ${counted(changes.length - shown, 'other part')}` : '';
  const names = changes.slice(0, shown).map(({ name }) => safe(name));
  const text = `says something else in ${names.join(', ')}${more}; nothing that runs is touched`;
  const indent = ' '.repeat(8);
  return wrap(text, Math.max(width - 8, 20)).map(
    (line, index) => `${index === 0 ? paint.strong('policy'.padEnd(8)) : indent}${line}`,
  );
}
