/** Text that may come from anybody, with what a terminal might obey written as an escape. */
export { printable as safe } from '../policy/escape.ts';

/** JSON for a terminal or a file: its strings may hold escapes but whose writer leaves DEL, C1 and format characters as they are. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[^\P{C}\n]/gu, (character) =>
    Array.from({ length: character.length }, (_, index) => unicodeEscape(character.charCodeAt(index))).join(''),
  );
}

function unicodeEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const wide =
  /^[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;

/** Columns that text without escapes takes in a terminal. */
export function columns(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return segments(text).reduce((sum, segment) => sum + (wide.test(segment) ? 2 : 1), 0);
}

function segments(text: string): readonly string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

/** Text cut to a number of columns; what is missing is marked. */
export function cut(text: string, width: number): string {
  if (columns(text) <= width) return text;
  const [head] = splitAt(text, Math.max(width - 1, 0));
  return `${head}…`;
}

/** Lines of at most `width` columns, broken at spaces; a longer word is broken after a mark in it, or where it has to be. */
export function wrap(text: string, width: number): readonly string[] {
  if (columns(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (columns(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (columns(line) > width) {
      const [head, tail] = breakWord(line, Math.max(width, 1));
      lines.push(head);
      line = tail;
    }
  }
  return [...lines, line];
}

/** A sentence as lines that fit, each painted. */
export function sentence(text: string, style: (line: string) => string, width: number): readonly string[] {
  return wrap(text, width).map(style);
}

function breakWord(word: string, width: number): readonly [string, string] {
  const [head] = splitAt(word, width);
  const mark = head.search(/[-/_.:,][^-/_.:,]*$/) + 1;
  const end = mark > head.length / 2 ? mark : head.length;
  return [word.slice(0, end), word.slice(end)];
}

function splitAt(text: string, width: number): readonly [string, string] {
  let head = '';
  let used = 0;
  for (const segment of segments(text)) {
    used += columns(segment);
    if (used > width && head !== '') break;
    head += segment;
  }
  return [head, text.slice(head.length)];
}

/** `1 container`, `3 containers`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
