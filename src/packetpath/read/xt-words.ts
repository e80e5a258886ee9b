import { argumentsOf } from './xt-match.ts';
import type { Option, XtMatch, XtRule, XtTarget } from './xt-option.ts';

/** A word of a rule as iptables-save quotes it: what it says, where it stands, and whether quotes make it plain text. */
interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly quoted: boolean;
}

/** Words apart at blanks; `"…"` with `\"` and `\\` inside is one. undefined: a quote is not closed. */
function wordsOf(line: string): readonly Word[] | undefined {
  const words: Word[] = [];
  let at = 0;
  while (at < line.length) {
    if (isBlank(line[at])) {
      at++;
      continue;
    }
    const start = at;
    while (at < line.length && !isBlank(line[at]) && line[at] !== '"') at++;
    if (line[at] !== '"') {
      words.push({ text: line.slice(start, at), start, end: at, quoted: false });
      continue;
    }
    const text = [line.slice(start, at)];
    while (at < line.length && !isBlank(line[at])) {
      if (line[at] !== '"') {
        text.push(line[at++] as string);
        continue;
      }
      at++;
      while (at < line.length && line[at] !== '"') {
        if (line[at] === '\\' && at + 1 < line.length) at++;
        text.push(line[at++] as string);
      }
      if (at >= line.length) return undefined;
      at++;
    }
    words.push({ text: text.join(''), start, end: at, quoted: true });
  }
  return words;
}

const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t';

/** A rule as `-A CHAIN …` has it. */
export interface WrittenRule {
  readonly chain: string;
  /** The line without its counters. */
  readonly text: string;
  readonly counted: { readonly packets: number; readonly bytes: number } | null;
  readonly rule: XtRule;
}

/** Short names of long options of iptables itself (iptables(8)). */
const longNames: Readonly<Record<string, string>> = {
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
};

/** Reads `-A CHAIN …`; a text is why it cannot be read. */
export function readWrittenRule(line: string): WrittenRule | string {
  const words = wordsOf(line);
  if (words === undefined) return 'a quotation mark is not closed';
  const chain = words[1];
  if (words[0]?.text !== '-A' || chain === undefined) return 'no chain is named';
  const reader = new RuleWords(line, words);
  const rule = reader.read();
  if (typeof rule === 'string') return rule;
  const { cut } = reader;
  const text =
    cut === null ? line : `${line.slice(0, cut.start).trimEnd()} ${line.slice(cut.end).trimStart()}`.trimEnd();
  return { chain: chain.text, text, counted: reader.counted, rule };
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
  readonly #words: readonly Word[];
  #at = 2;
  readonly #header: Option[] = [];
  readonly #matches: Draft[] = [];
  #target: { readonly name: string; readonly goto: boolean; readonly options: Option[] } | null = null;

  constructor(line: string, words: readonly Word[]) {
    this.#line = line;
    this.#words = words;
  }

  read(): XtRule | string {
    while (this.#at < this.#words.length) {
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
    const word = this.#words[this.#at++];
    if (word === undefined) return 'it ends with a !';
    const name = Object.hasOwn(longNames, word.text) ? (longNames[word.text] as string) : word.text;
    if (!name.startsWith('-') || word.quoted) return `${word.text} is no option`;
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
        const module = this.#words[this.#at++];
        if (module === undefined || not) return 'a match has no name';
        this.#matches.push({ module: module.text, options: [] });
        break;
      }
      case '-j':
      case '-g': {
        const target = this.#words[this.#at++];
        if (target === undefined || not || this.#target !== null) return 'not one target';
        this.#target = { name: target.text, goto: name === '-g', options: [] };
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
    const word = this.#words[this.#at];
    return word !== undefined && word.text === text && !word.quoted;
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
    const first = this.#at;
    if (args === undefined) while (this.#at < this.#words.length && !this.#beginsOption()) this.#at++;
    else this.#at = Math.min(first + args, this.#words.length);
    const given: string[] = [];
    for (let index = first; index < this.#at; index++) given.push((this.#words[index] as Word).text);
    const end = (this.#words[this.#at - 1] as Word).end;
    return { name, not, args: given, text: this.#line.slice((this.#words[start] as Word).start, end) };
  }

  #beginsOption(): boolean {
    const word = this.#words[this.#at] as Word;
    return !word.quoted && (word.text === '!' || /^--?[a-z]/.test(word.text));
  }

  #counters(): string | null {
    const [packets, bytes] = [this.#words[this.#at], this.#words[this.#at + 1]];
    this.cut = { start: this.#words[this.#at - 1]?.start ?? 0, end: bytes?.end ?? 0 };
    this.#at += 2;
    this.counted = countersOf(packets?.text, bytes?.text);
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
