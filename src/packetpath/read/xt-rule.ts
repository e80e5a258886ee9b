import type { Step } from '../model.ts';
import { protocolNumber } from './words.ts';
import { readHeader, readMatch } from './xt-match.ts';
import { optionOf, type XtContext, type XtRule } from './xt-option.ts';
import { readTarget } from './xt-target.ts';

/** The steps of an iptables rule in the kernel's order: its header, its matches as listed, its target. */
export function readXtRule(rule: XtRule, context: Omit<XtContext, 'protocol'>): readonly Step[] {
  const given = optionOf(rule.header, '-p');
  const protocol = given === undefined || given.not ? null : (protocolNumber(given.args[0] ?? '') ?? null);
  const whole: XtContext = { ...context, protocol };
  const steps: Step[] = rule.header.flatMap((option) =>
    isEverything(option.name, option.args[0], option.not) ? [] : [readHeader(option, context.family)],
  );
  for (const match of rule.matches) steps.push(...readMatch(match, whole));
  if (rule.target !== null) steps.push(...readTarget(rule.target, whole));
  return steps;
}

/** `-p all`, and 0 for it: no condition. */
const isEverything = (name: string, value: string | undefined, not: boolean): boolean =>
  name === '-p' && !not && (value === 'all' || value === '0');

/** The words of a rule's comments; null without any. */
export function commentOf({ matches }: XtRule): string | null {
  const comments = matches.flatMap(({ module, options }) =>
    module === 'comment' ? [optionOf(options, '--comment')?.args[0] ?? ''] : [],
  );
  return comments.length === 0 ? null : comments.join('; ');
}
