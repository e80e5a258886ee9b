import type { Action, Step, Verdict } from '../model.ts';
import { type EbOption, ebMatch } from './eb-match.ts';
import { wordsOf } from './rule-words.ts';
import { parseNumber, unknownCondition } from './values.ts';
import { countersOf } from './xt-words.ts';

/** A rule of ebtables as its listing has it. */
export interface EbRule {
  /** Without its counters. */
  readonly text: string;
  readonly counted: { readonly packets: number; readonly bytes: number } | null;
  readonly steps: readonly Step[];
}

/** Reads `-A CHAIN …` of ebtables-save (ebtables(8)); a text is why it cannot be read. */
export function readEbRule(line: string): EbRule | string {
  const words = wordsOf(line);
  if (words === undefined) return 'a quotation mark is not closed';
  const { texts, quoted, starts, ends } = words;
  const options: EbOption[] = [];
  let counted: EbRule['counted'] = null;
  let cut: { readonly from: number; readonly to: number } | null = null;
  let at = 2;
  while (at < texts.length) {
    const from = at;
    let not = texts[at] === '!' && quoted[at] === false;
    if (not) at++;
    const name = texts[at++] ?? '';
    if (!name.startsWith('-')) return `${name === '' ? '!' : name} is no option`;
    if (texts[at] === '!' && quoted[at] === false && texts[at + 1]?.startsWith('-') === false) {
      not = true; // `-s ! 02:…`, as ebtables 2.0 prints it
      at++;
    }
    const first = at;
    while (at < texts.length && !(quoted[at] === false && isBeginning(texts[at] as string))) at++;
    const args = texts.slice(first, at);
    if (name === '-c') {
      counted = countersOf(args[0], args[1]);
      if (counted === null) return 'its counters are no numbers';
      cut = { from: starts[from] ?? 0, to: ends[at - 1] ?? 0 };
    } else options.push({ name, not, args, text: line.slice(starts[from], ends[at - 1]) });
  }
  const text = cut === null ? line : `${line.slice(0, cut.from).trimEnd()} ${line.slice(cut.to).trimStart()}`.trimEnd();
  return { text, counted, steps: stepsOf(options) };
}

const isBeginning = (word: string): boolean => word === '!' || /^--?[a-z]/i.test(word);

function stepsOf(options: readonly EbOption[]): readonly Step[] {
  const jump = options.findIndex(({ name }) => name === '-j');
  const before = jump < 0 ? options : options.slice(0, jump);
  const conditions = before.filter(({ name }) => !isWatcher(name)).map(conditionOf);
  const logs: readonly Step[] = before.some(({ name }) => isWatcher(name)) ? [action({ kind: 'log' })] : [];
  return [...conditions, ...logs, ...(jump < 0 ? [] : targetOf(options[jump] as EbOption, options.slice(jump + 1)))];
}

const action = (what: Action): Step => ({ kind: 'action', action: what });
const verdict = (what: Verdict): Step => ({ kind: 'verdict', verdict: what });

/** Watchers see what matches, and change nothing. */
const isWatcher = (name: string): boolean => /^--(log|nflog|ulog)(-|$)/.test(name);

const conditionOf = (option: EbOption): Step => ebMatch(option) ?? unknownCondition(option.text);

const builtIn: Readonly<Record<string, Verdict>> = {
  ACCEPT: { kind: 'accept' },
  DROP: { kind: 'drop' },
  RETURN: { kind: 'return' },
  CONTINUE: { kind: 'continue' },
};

/** ebtables(8), TARGET EXTENSIONS; what is none of them is a chain. */
const extensions: ReadonlySet<string> = new Set(['arpreply', 'dnat', 'snat', 'redirect', 'mark']);

function targetOf({ args, text }: EbOption, options: readonly EbOption[]): readonly Step[] {
  const [name = ''] = args;
  const plain = Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
  if (plain !== undefined && options.length === 0) return [verdict(plain)];
  const mark = name === 'mark' ? readMark(options) : undefined;
  if (mark !== undefined) return mark;
  if (!extensions.has(name) && plain === undefined && options.length === 0)
    return [verdict({ kind: 'jump', chain: name })];
  return [verdict({ kind: 'unknown', text: [text, ...options.map((option) => option.text)].join(' ') })];
}

/** `-j mark --mark-or 0x1 --mark-target RETURN` (net/bridge/netfilter/ebt_mark.c, ebt_mark_tg). */
function readMark(options: readonly EbOption[]): readonly Step[] | undefined {
  let change: Step | undefined;
  let then: Verdict | undefined = builtIn['ACCEPT'];
  for (const { name, args, not } of options) {
    const [word = '', ...more] = args;
    if (not || more.length > 0) return undefined;
    if (name === '--mark-target') {
      then = Object.hasOwn(builtIn, word) ? builtIn[word] : undefined;
      continue;
    }
    const value = parseNumber(word);
    const set = value === undefined || value > full ? undefined : markOf(name, value);
    if (set === undefined || change !== undefined) return undefined;
    change = action({ kind: 'set-mark', of: 'packet', ...set });
  }
  return change === undefined || then === undefined ? undefined : [change, verdict(then)];
}

const full = 0xffff_ffffn;

function markOf(name: string, value: bigint): { readonly value: bigint; readonly mask: bigint } | undefined {
  switch (name) {
    case '--mark-set':
    case '--set-mark': // its older name
      return { value, mask: full };
    case '--mark-or':
      return { value, mask: value };
    case '--mark-and':
      return { value: 0n, mask: ~value & full };
    case '--mark-xor':
      return { value, mask: 0n };
    default:
      return undefined;
  }
}
