import type { Rule } from '../model.ts';
import { readExtras } from './xt-extras.ts';
import type { Option, XtRule } from './xt-option.ts';
import { readRow, type Shape } from './xt-row.ts';
import { readWrittenRule } from './xt-words.ts';

/**
 * A rule as its listing has it. It is taken apart when the whole listing is known, and at once made into what it means:
 * of a listing of many rules only their texts and their meanings are ever held.
 */
export interface XtListedRule {
  /** From 1. */
  readonly line: number;
  /** Its line, several that a page has wrapped put together. */
  readonly written: string;
  /** The columns of `iptables -L`; null: it is written as iptables-save does. */
  readonly shape: Shape | null;
  /** By the counters that stand before it. */
  readonly counted: Rule['counted'];
  /** It stands for what cannot be read, which has been told already. */
  readonly isTold?: true;
  /** Why it may be no rule as it stands, though it could be read as one. */
  readonly doubt?: string;
}

/** A rule taken apart. */
export interface Apart {
  /** Its own number in the listing, where that has one. */
  readonly number: number | null;
  readonly text: string;
  readonly counted: Rule['counted'];
  readonly rule: XtRule;
  readonly lost: readonly string[];
}

const nothing: readonly string[] = [];

/** Takes a rule apart; a text is why it cannot be. */
export function takeApart({ written, shape, counted, isTold, doubt }: XtListedRule): Apart | string {
  if (isTold === true) return 'it cannot be read';
  if (doubt !== undefined) return doubt;
  if (shape === null) {
    const read = readWrittenRule(written);
    if (typeof read === 'string') return read;
    return { number: null, text: read.text, counted: counted ?? read.counted, rule: read.rule, lost: nothing };
  }
  const row = readRow(written, shape);
  if (row === undefined) return 'not a rule of iptables -L';
  const { matches, options, goto } = readExtras(row.extras, row.target);
  const target = row.target === null ? null : { name: row.target, goto, options: targetOptions(row.target, options) };
  const { number, text, lost } = row;
  return { number, text, counted: row.counted, rule: { header: row.header, matches, target }, lost };
}

/** `to:` is printed alike by DNAT and SNAT; nothing but options belongs to a target that ends the walk. */
function targetOptions(target: string, options: readonly Option[]): readonly Option[] {
  const other = target === 'DNAT' ? '--to-source' : '--to-destination';
  return options.filter(({ name }) => name !== other);
}
