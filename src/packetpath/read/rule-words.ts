/** The words of a rule: what each says, where it stands, and whether quotes make it plain text. Arrays, for there are many. */
export interface Words {
  readonly texts: readonly string[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly quoted: readonly boolean[];
}

const blank = 32;
const tab = 9;
export const quote = 34;
const backslash = 92;

/** Words apart at blanks; `"…"` with `\"` and `\\` inside is one. undefined: a quote is not closed. */
export function wordsOf(line: string): Words | undefined {
  const words = { texts: [] as string[], starts: [] as number[], ends: [] as number[], quoted: [] as boolean[] };
  let at = 0;
  while (at < line.length) {
    const first = line.charCodeAt(at);
    if (first === blank || first === tab) {
      at++;
      continue;
    }
    const start = at;
    at = wordEnd(line, at);
    const hasQuotes = line.charCodeAt(at) === quote;
    let text = line.slice(start, at);
    if (hasQuotes) {
      const inner = unquoted(line, at);
      if (inner === undefined) return undefined;
      text += inner.text;
      at = inner.end;
    }
    words.texts.push(text);
    words.starts.push(start);
    words.ends.push(at);
    words.quoted.push(hasQuotes);
  }
  return words;
}

/** The end of what is not in quotes. */
export function wordEnd(line: string, from: number): number {
  let at = from;
  for (; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (code === blank || code === tab || code === quote) break;
  }
  return at;
}

/** The rest of a word from its first quotation mark on; undefined: one is not closed. */
function unquoted(line: string, from: number): { readonly text: string; readonly end: number } | undefined {
  const text: string[] = [];
  let at = from;
  while (at < line.length && line[at] !== ' ' && line[at] !== '\t') {
    if (line.charCodeAt(at) !== quote) {
      text.push(line[at++] as string);
      continue;
    }
    at++;
    while (at < line.length && line.charCodeAt(at) !== quote) {
      if (line.charCodeAt(at) === backslash && at + 1 < line.length) at++;
      text.push(line[at++] as string);
    }
    if (at >= line.length) return undefined;
    at++;
  }
  return { text: text.join(''), end: at };
}
