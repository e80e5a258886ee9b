import { resolve } from 'node:path';
import type { Policy } from '../policy/model.ts';
import { matches, patternOf } from '../policy/pattern.ts';
import type { Change } from './changes.ts';
import { counted, safe, wrap } from './text.ts';
import type { View } from './view.ts';

/**
 * Where two policies say something else, whoever runs: `projects.shop`, `groups.lan`, `defaults.labels`, `guardrails`,
 * `x-sluice of /srv/shop/compose.yaml`. Comments and reasons, which tell people only, make
 * no difference.
 */
export function policyChanges(before: Policy, after: Policy): readonly string[] {
  const [was, is] = [partsOf(before), partsOf(after)];
  return [...new Set([...was.keys(), ...is.keys()])].filter((name) => was.get(name) !== is.get(name));
}

/** Those of them that nothing else of a plan shows, since what they are about does not run. */
export function untold(parts: readonly string[], changes: readonly Change[], defaults: number): readonly string[] {
  const told = changes.flatMap(({ kind, workload }) => (kind === 'unchanged' ? [] : [workload]));
  return parts.filter((part) => {
    const [, place = '', name = ''] = /^(projects|containers)\.(.*)$/s.exec(part) ?? [];
    if (place === '') return told.length + defaults === 0;
    const whole = place === 'projects' ? `${name}/*` : `container/${name}`;
    return !told.some((workload) => matches(patternOf(whole), workload));
  });
}

/** Each part of a policy by its name, as text that is the same where it means the same. */
function partsOf(policy: Policy): ReadonlyMap<string, string> {
  const parts: readonly (readonly [string, unknown])[] = [
    ...Object.entries(policy.defaults).map(([word, value]) => [`defaults.${kebab(word)}`, value] as const),
    ...[...policy.groups.values()].map((group) => [`groups.${group.name}`, group.members] as const),
    ['guardrails', policy.guardrails],
    ...policy.projects.map((block) => [`projects.${block.pattern.text}`, block] as const),
    ...policy.containers.map((block) => [`containers.${block.pattern.text}`, block] as const),
    ...policy.compose.map((block) => [`x-sluice of ${resolve(block.file)}`, { ...block, file: '' }] as const),
  ];
  return new Map(parts.map(([name, part]) => [name, JSON.stringify(part, meaningOnly)]));
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
export function policyChangeLines(changes: readonly string[], { paint, width }: View): readonly string[] {
  if (changes.length === 0) return [];
  const more = changes.length > shown ? ` and ${counted(changes.length - shown, 'other part')}` : '';
  const text = `says something else in ${changes.slice(0, shown).map(safe).join(', ')}${more}; nothing that runs is touched`;
  const indent = ' '.repeat(8);
  return wrap(text, Math.max(width - 8, 20)).map(
    (line, index) => `${index === 0 ? paint.strong('policy'.padEnd(8)) : indent}${line}`,
  );
}
