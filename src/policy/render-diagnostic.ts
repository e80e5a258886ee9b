import type { Diagnostic } from './diagnostic.ts';
import { printable } from './escape.ts';
import { formatSource } from './source.ts';

type Style = (text: string) => string;

/** How the parts of a diagnostic look; each style adds no characters that take room. */
export interface DiagnosticPaint {
  /** Severity of an error, and its carets. */
  readonly bad: Style;
  /** Severity of a warning, and its carets. */
  readonly doubtful: Style;
  /** The message. */
  readonly strong: Style;
  /** Line numbers, bars, related places. */
  readonly faint: Style;
}

const plain: Style = (text) => text;

/** No colour. */
const plainPaint: DiagnosticPaint = { bad: plain, doubtful: plain, strong: plain, faint: plain };

const gutter = 9; // "    9 |  " up to the source text

/**
 * A diagnostic for people: the place, severity, code and message; the line of source; carets under the piece, and how to
 * mend it. Ends without a newline. A place whose text is not among `texts` has no line shown. Whatever is unsafe for a
 * terminal is escaped; lines longer than `width` columns are cut round the place.
 *
 * ```
 * policy.yaml:9:27  error  SL1204  unknown group "http-proxi"
 *     9 |     allow: [same-project, http-proxi, internet]
 *       |                           ^^^^^^^^^^ did you mean "http-proxy"?
 * ```
 */
export function renderDiagnostic(
  diagnostic: Diagnostic,
  texts: readonly { readonly path: string; readonly text: string }[],
  paint: DiagnosticPaint = plainPaint,
  width = 120,
): string {
  const { severity, code, message, fix, source, related = [] } = diagnostic;
  const colour = severity === 'error' ? paint.bad : paint.doubtful;
  const place = source.line > 0 ? `${source.file}:${source.line}:${source.column}` : source.file;
  const head = `${printable(place)}  ${colour(severity)}  ${code}  ${paint.strong(printable(message))}`;
  const line =
    source.line > 0 ? texts.find(({ path }) => path === source.file)?.text.split(/\r?\n/)[source.line - 1] : undefined;
  const shown = line === undefined ? placeless(source.text, fix) : excerpt(line, diagnostic, width, colour);
  const bar = (text: string) => paint.faint(text);
  const body = shown.map(({ number, text }) => `${bar(`${(number ?? '').padStart(5)} |`)} ${text}`.trimEnd());
  const also = related.map((other) =>
    bar(`      = see ${printable(formatSource(other))}  ${printable(other.text)}`.trimEnd()),
  );
  return [head, ...body, ...also].join('\n');
}

interface Line {
  readonly number?: string;
  readonly text: string;
}

/** Labels and whole files have no line; what was written and the fix still stand below the message. */
function placeless(text: string, fix: string | undefined): readonly Line[] {
  return [text, fix ?? ''].filter((part) => part !== '').map((part) => ({ text: printable(part) }));
}

function excerpt(line: string, { source, fix }: Diagnostic, width: number, colour: Style): readonly Line[] {
  const start = Math.min(source.column - 1, line.length);
  const end = Math.min(start + Math.max(source.text.length, 1), Math.max(line.length, start + 1));
  const room = Math.max(width - gutter + 1, 20);
  const before = columns(line.slice(0, start));
  const carets = Math.max(columns(line.slice(start, end)), 1);
  const whole = onOneLine(line).trimEnd();
  // a long line begins where the place is, with a little of what stands before it
  const skip = before + carets <= room ? 0 : Math.max(0, before - 10);
  const cut = crop(whole, skip, room);
  const indent = ' '.repeat(before - skip);
  const drawn = Math.max(1, Math.min(carets, room - (before - skip)));
  const mark = indent + colour('^'.repeat(drawn));
  const number = String(source.line);
  if (fix === undefined) return [{ number, text: cut }, { text: mark }];
  const mend = printable(fix);
  return before - skip + drawn + 1 + mend.length <= room
    ? [{ number, text: cut }, { text: `${mark} ${mend}` }]
    : [{ number, text: cut }, { text: mark }, { text: mend }];
}

function crop(text: string, skip: number, room: number): string {
  const tail = skip === 0 ? text : `…${text.slice(skip + 1)}`;
  return tail.length <= room ? tail : `${tail.slice(0, room - 1)}…`;
}

/** A line as it is printed; a tab is one space wide so that carets stay under their piece. */
function onOneLine(text: string): string {
  return printable(text.replaceAll('\t', ' '));
}

function columns(text: string): number {
  return onOneLine(text).length;
}
