import { quote, type Words, wordEnd, wordsOf } from './rule-words.ts';
import { argumentsOf } from './xt-match.ts';
import type { Option, XtMatch, XtRule, XtTarget } from './xt-option.ts';

/** The chain of `-A CHAIN …`; undefined: none is named. */
export function chainNamed(line: string): string | undefined {
  let at = 2;
  while (line[at] === ' ' || line[at] === '\t') at++;
  const end = wordEnd(line, at);
  if (line.charCodeAt(end) === quote) return wordsOf(line)?.texts[1];
  return end > at ? line.slice(at, end) : undefined;
}

/** A rule as `-A CHAIN …` has it. */
export interface WrittenRule {
  /** The line without its counters. */
  readonly text: string;
  readonly counted: { readonly packets: number; readonly bytes: number } | null;
  readonly rule: XtRule;
}

/** Short names of long options of iptables itself (iptables(8)). */
const longNames: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '--source': '-s',
    '--src': '-s',
    '--destination': '-d',
    '--dst': '-d',
    '--in-interface': '-i',
    '--out-interface': '-o',
    '--protocol': '-p',
    '--proto': '-p',
    '--fragment': '-f',
    '--match': '-m',
    '--jump': '-j',
    '--goto': '-g',
    '--set-counters': '-c',
  }),
);

/** Reads `-A CHAIN …`; a text is why it cannot be read. */
export function readWrittenRule(line: string): WrittenRule | string {
  const words = wordsOf(line);
  if (words === undefined) return 'a quotation mark is not closed';
  if (words.texts[0] !== '-A' || words.texts.length < 2) return 'no chain is named';
  const reader = new RuleWords(line, words);
  const rule = reader.read();
  if (typeof rule === 'string') return rule;
  const { cut } = reader;
  const text =
    cut === null ? line : `${line.slice(0, cut.start).trimEnd()} ${line.slice(cut.end).trimStart()}`.trimEnd();
  return { text, counted: reader.counted, rule };
}

interface Draft {
  readonly module: string;
  readonly options: Option[];
}

/** Goes through the words of one rule. */
class RuleWords {
  /** Where its counters stand. */
  cut: { readonly start: number; readonly end: number } | null = null;
  counted: { readonly packets: number; readonly bytes: number } | null = null;
  readonly #line: string;
  readonly #words: Words;
  #at = 2;
  readonly #header: Option[] = [];
  readonly #matches: Draft[] = [];
  #target: { readonly name: string; readonly goto: boolean; readonly options: Option[] } | null = null;

  constructor(line: string, words: Words) {
    this.#line = line;
    this.#words = words;
  }

  read(): XtRule | string {
    while (this.#at < this.#words.texts.length) {
      const problem = this.#next();
      if (problem !== null) return problem;
    }
    const target: XtTarget | null = this.#target;
    const matches: readonly XtMatch[] = this.#matches;
    return { header: this.#header, matches, target };
  }

  /** One option with its arguments; a text when it makes no sense. */
  #next(): string | null {
    const start = this.#at;
    const not = this.#is('!');
    if (not) this.#at++;
    const at = this.#at++;
    const word = this.#words.texts[at];
    if (word === undefined) return 'it ends with a !';
    const name = longNames.get(word) ?? word;
    if (!name.startsWith('-') || this.#words.quoted[at] === true) return `${word} is no option`;
    if (name === '-c') return this.#counters();
    switch (name) {
      case '-s':
      case '-d':
      case '-i':
      case '-o':
      case '-p':
      case '-f':
        this.#header.push(this.#option(name, not, name === '-f' ? 0 : 1, start));
        break;
      case '-m': {
        const module = this.#words.texts[this.#at++];
        if (module === undefined || not) return 'a match has no name';
        this.#matches.push({ module, options: [] });
        break;
      }
      case '-j':
      case '-g': {
        const target = this.#words.texts[this.#at++];
        if (target === undefined || not || this.#target !== null) return 'not one target';
        this.#target = { name: target, goto: name === '-g', options: [] };
        break;
      }
      default: {
        const match = this.#target === null ? this.#ownerOf(name) : undefined;
        const option = this.#option(
          name,
          not,
          match === undefined ? undefined : argumentsOf(match.module, name),
          start,
        );
        const owner = this.#target?.options ?? match?.options;
        if (owner === undefined) return `${name} belongs to no match`;
        owner.push(option);
      }
    }
    return null;
  }

  #is(text: string): boolean {
    return this.#words.texts[this.#at] === text && this.#words.quoted[this.#at] === false;
  }

  /** The match that an option belongs to: the last that knows it, else the last; that of the protocol is loaded by `-p`. */
  #ownerOf(option: string): Draft | undefined {
    const known = this.#matches.findLast(({ module }) => argumentsOf(module, option) !== undefined);
    if (known !== undefined) return known;
    const protocol = this.#header.find(({ name }) => name === '-p')?.args[0] ?? '';
    const module = protocol === 'icmpv6' || protocol === 'ipv6-icmp' ? 'icmp6' : protocol;
    if (argumentsOf(module, option) !== undefined) this.#matches.push({ module, options: [] });
    return this.#matches.at(-1);
  }

  #option(name: string, negated: boolean, args: number | undefined, start: number): Option {
    let not = negated;
    if (args !== undefined && args > 0 && !not && this.#is('!')) {
      not = true; // `-s ! 10.0.0.1`, as iptables before 1.4.3 has it
      this.#at++;
    }
    const { texts, starts, ends } = this.#words;
    const first = this.#at;
    if (args === undefined) while (this.#at < texts.length && !this.#beginsOption()) this.#at++;
    else this.#at = Math.min(first + args, texts.length);
    const text = this.#line.slice(starts[start], ends[this.#at - 1]);
    return { name, not, args: texts.slice(first, this.#at), text };
  }

  #beginsOption(): boolean {
    const word = this.#words.texts[this.#at] as string;
    return this.#words.quoted[this.#at] === false && (word === '!' || /^--?[a-z]/.test(word));
  }

  #counters(): string | null {
    const { texts, starts, ends } = this.#words;
    this.cut = { start: starts[this.#at - 1] ?? 0, end: ends[this.#at + 1] ?? 0 };
    this.counted = countersOf(texts[this.#at], texts[this.#at + 1]);
    this.#at += 2;
    return this.counted === null ? 'its counters are no numbers' : null;
  }
}

/** Packets and bytes from their digits; null when they are not. */
export function countersOf(
  packets: string | undefined,
  bytes: string | undefined,
): { readonly packets: number; readonly bytes: number } | null {
  if (!/^[0-9]{1,20}$/.test(packets ?? '') || !/^[0-9]{1,20}$/.test(bytes ?? '')) return null;
  return { packets: Number(packets), bytes: Number(bytes) };
}
