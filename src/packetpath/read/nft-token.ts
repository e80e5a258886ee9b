/** A word of nft's text. */
export interface Token {
  readonly text: string;
  readonly quoted: boolean;
  /** Index of its line in the listing. */
  readonly line: number;
  /** Where it stands in its line. */
  readonly start: number;
  readonly end: number;
}

/** What one line holds: its words, and the comment behind them. */
export interface TokenLine {
  readonly tokens: readonly Token[];
  /** Without its `#`; null without one. */
  readonly comment: string | null;
}

/** What a character does to words; others are parts of one. */
const kinds = new Uint8Array(128);
const [part, blank, single, sign, quote, hash] = [0, 1, 2, 3, 4, 5];
for (const [chars, kind] of [
  [' \t', blank],
  ['{}();,|^', single],
  ['=!<>&', sign],
  ['"', quote],
  ['#', hash],
] as const)
  for (const char of chars) kinds[char.charCodeAt(0)] = kind;

const kindAt = (text: string, at: number): number => kinds[text.charCodeAt(at)] ?? part;
const ampersand = 38;

/** Takes a line of nft's text apart; a quotation mark that is not closed holds the rest of the line. */
export function tokensOf(text: string, line: number): TokenLine {
  const tokens: Token[] = [];
  let start = 0;
  while (start < text.length) {
    const kind = kindAt(text, start);
    if (kind === blank) {
      start++;
      continue;
    }
    if (kind === hash) return { tokens, comment: text.slice(start + 1).trim() };
    if (kind === quote) {
      const close = text.indexOf('"', start + 1);
      const end = close < 0 ? text.length : close + 1;
      tokens.push({ text: text.slice(start + 1, close < 0 ? end : close), quoted: true, line, start, end });
      start = end;
      continue;
    }
    let end = start + 1;
    if (kind === sign) {
      if (kindAt(text, end) === sign && text.charCodeAt(start) !== ampersand) end++;
    } else if (kind === part) while (end < text.length && isInside(kindAt(text, end))) end++;
    tokens.push({ text: text.slice(start, end), quoted: false, line, start, end });
    start = end;
  }
  return { tokens, comment: null };
}

/** A `#` in the middle of a word is a part of it. */
const isInside = (kind: number): boolean => kind === part || kind === hash;

/** Whether words are on several lines, as nothing but rules and elements is. */
export const isSpread = (tokens: readonly Token[]): boolean => tokens[0]?.line !== tokens.at(-1)?.line;

/** Whether it can be a name: a sign of the language cannot. */
export const isName = (token: Token | undefined): boolean => token !== undefined && !/^[=!<>&|^(),]/.test(token.text);

/** Goes through words one by one. */
export class Cursor {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Index of the next word; the number of them at the end, which nothing goes beyond. */
  get at(): number {
    return this.#at;
  }

  set at(index: number) {
    this.#at = Math.min(index, this.#tokens.length);
  }

  get done(): boolean {
    return this.at >= this.#tokens.length;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.at + ahead];
  }

  /** The text of the next word unless it is quoted. */
  word(ahead = 0): string | undefined {
    const token = this.peek(ahead);
    return token === undefined || token.quoted ? undefined : token.text;
  }

  next(): Token | undefined {
    return this.#tokens[this.at++];
  }

  /** Takes the word if it is the next. */
  accept(word: string): boolean {
    if (this.word() !== word) return false;
    this.at++;
    return true;
  }

  /** The words from an index on, up to where it stands. */
  since(from: number): readonly Token[] {
    return this.#tokens.slice(from, this.at);
  }

  /** Up to the end of the braces that have just been opened; whether they are closed. */
  skipBraces(): boolean {
    let depth = 1;
    while (!this.done && depth > 0) {
      const token = this.next() as Token;
      if (!token.quoted) depth += token.text === '{' ? 1 : token.text === '}' ? -1 : 0;
    }
    return depth === 0;
  }
}
