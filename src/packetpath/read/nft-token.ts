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

const single = new Set('{}();,|^');
const isBlank = (char: string | undefined): boolean => char === ' ' || char === '\t';
const isSign = (char: string | undefined): boolean =>
  char === '=' || char === '!' || char === '<' || char === '>' || char === '&';

/** Takes a line of nft's text apart; a quotation mark that is not closed holds the rest of the line. */
export function tokensOf(text: string, line: number): TokenLine {
  const tokens: Token[] = [];
  let at = 0;
  const take = (end: number, quoted = false): void => {
    const inner = quoted
      ? text.slice(at + 1, text[end - 1] === '"' && end - at > 1 ? end - 1 : end)
      : text.slice(at, end);
    tokens.push({ text: inner, quoted, line, start: at, end });
    at = end;
  };
  while (at < text.length) {
    const char = text[at] as string;
    if (isBlank(char)) at++;
    else if (char === '#') return { tokens, comment: text.slice(at + 1).trim() };
    else if (char === '"') {
      const close = text.indexOf('"', at + 1);
      take(close < 0 ? text.length : close + 1, true);
    } else if (single.has(char)) take(at + 1);
    else if (isSign(char)) take(isSign(text[at + 1]) && char !== '&' ? at + 2 : at + 1);
    else {
      let end = at + 1;
      while (
        end < text.length &&
        !isBlank(text[end]) &&
        !single.has(text[end] as string) &&
        !isSign(text[end]) &&
        text[end] !== '"'
      )
        end++;
      take(end);
    }
  }
  return { tokens, comment: null };
}

/** Goes through words one by one. */
export class Cursor {
  readonly #tokens: readonly Token[];
  at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
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
  accept(...words: readonly string[]): boolean {
    if (!words.every((word, index) => this.word(index) === word)) return false;
    this.at += words.length;
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
