import type { Condition, FieldRef, Rule, SetRef, Step, Tuple, Value } from '../../src/packetpath/model.ts';

/** Rules of the model as short texts, so that a test shows at a glance what was read. */
export function short(rule: Rule): string {
  return rule.steps.map(shortStep).join(' | ');
}

export function shortStep(step: Step): string {
  switch (step.kind) {
    case 'condition':
      return shortCondition(step.condition);
    case 'vmap':
      return `${fields(step.fields)} vmap ${'set' in step.entries ? `@${step.entries.set}` : step.entries.map((e) => `${tuple(e.key)}:${shortStep({ kind: 'verdict', verdict: e.verdict })}`).join(', ')}`;
    case 'action': {
      const { kind, ...rest } = step.action;
      return `${kind}${Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest, plain)}`}`;
    }
    case 'verdict': {
      const { kind, ...rest } = step.verdict;
      return [kind.toUpperCase(), ...Object.values(rest)].join(' ');
    }
  }
}

function shortCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'among':
      return `${fields(condition.fields)} ${condition.not ? '!= ' : ''}${values(condition.values)}`;
    case 'any-of':
      return `${fields([condition.field])} ${condition.not ? 'none of' : 'any of'} ${condition.words.join(',')}`;
    case 'depends':
      return `depends on ${condition.on}`;
    case 'unknown':
      return `unknown ${condition.text}`;
  }
}

const plain = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

function fields(refs: readonly FieldRef[]): string {
  return refs
    .map(({ field, mask, only }) => {
      const family = only?.family === undefined ? '' : `v${only.family} `;
      const protocol = only?.protocol === undefined ? '' : `${only.protocol} `;
      return `${family}${protocol}${field}${mask === undefined ? '' : `&${mask.toString(16)}`}`;
    })
    .join(' . ');
}

const values = (list: SetRef | readonly Tuple[]): string =>
  'set' in list ? `@${list.set}` : list.length === 1 ? tuple(list[0] as Tuple) : `{${list.map(tuple).join(', ')}}`;

export const tuple = (list: Tuple): string => list.map(value).join(' . ');

function value(one: Value): string {
  if (one.kind === 'word') return one.word === '' ? '""' : one.word;
  if (one.kind === 'prefix') return `${one.prefix}*`;
  const text = (n: bigint): string => (n > 0xffffn ? `0x${n.toString(16)}` : String(n));
  return one.low === one.high ? text(one.low) : `${text(one.low)}-${text(one.high)}`;
}
