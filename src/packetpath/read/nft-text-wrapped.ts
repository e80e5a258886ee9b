import type { Step } from '../model.ts';
import type { Token } from './nft-token.ts';

/** A rule of nft's text: what tells whether the line behind it may be the rest of it. */
export interface Written {
  /** Index among the items of the listing. */
  readonly at: number;
  readonly tokens: readonly Token[];
  readonly steps: readonly Step[];
  /** How far the lines of its chain are indented: of the rest of a rule, that rule. */
  readonly indent: number;
  /** Nothing can come behind it: it has its handle, its comment, or a verdict that takes no more words. */
  readonly isWhole: boolean;
}

/** Whether nothing of a rule can be missing at its end (nft prints a comment last, and then the handle). */
export function isWhole(tokens: readonly Token[], handle: string | undefined, comment: string | null): boolean {
  const end = tokens.at(-1);
  return handle !== undefined || comment !== null || (end?.quoted === false && closing.has(end.text));
}

const closing: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'continue']);

/**
 * Whether what stands in the line behind a rule may be the rest of it, which a page or a mail has wrapped. nft prints each rule
 * in one line, and breaks it in braces alone; all rules of a chain are indented alike. Without indentation there is less to
 * see it by: a rule of conditions alone would do nothing at all, and what asks nothing is then taken for its end.
 */
export function mayBeRest(before: Written, tokens: readonly Token[], steps: readonly Step[]): boolean {
  const [first] = tokens;
  const end = before.tokens.at(-1);
  if (first === undefined || end === undefined || before.isWhole || first.line !== end.line + 1) return false;
  if (first.start !== before.indent || before.steps.every(isCondition)) return true;
  return before.indent === 0 && before.steps.some(isCondition) && !steps.some(isCondition);
}

/** Whether something stands behind what ends a rule: a verdict, and a comment. */
export function isMore(tokens: readonly Token[], steps: readonly Step[]): boolean {
  const end = steps.findIndex((step) => step.kind === 'verdict' && last.has(step.verdict.kind));
  const comment = tokens.findIndex(({ text, quoted }, at) => text === 'comment' && !quoted && tokens[at + 1]?.quoted);
  return (end >= 0 && end < steps.length - 1) || (comment >= 0 && comment < tokens.length - 2);
}

const last: ReadonlySet<string> = new Set(['accept', 'drop', 'return', 'reject', 'jump', 'goto']);

const isCondition = ({ kind }: Step): boolean => kind === 'condition';

/** Whether nobody knows already what a rule does in the end. */
export const isUnknown = (steps: readonly Step[]): boolean =>
  steps.some((step) => step.kind === 'verdict' && step.verdict.kind === 'unknown');
