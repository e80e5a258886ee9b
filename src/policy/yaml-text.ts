import { type Document, LineCounter, type ParsedNode, parseAllDocuments, type YAMLError } from 'yaml';
import { diagnostic } from './codes.ts';
import { duplicateKeys } from './duplicate-keys.ts';
import type { Report } from './piece.ts';
import type { SourceRef } from './source.ts';

/** A text that takes part in a policy. */
export interface PolicyText {
  /** As the user gave it; messages show it so. */
  readonly path: string;
  readonly text: string;
  /** `policy`: the policy file and its policy.d; `compose`: a Compose file whose `x-sluice` blocks are read. */
  readonly role: 'policy' | 'compose';
  /** Whether somebody beside its owner, root, can write it. */
  readonly writableByOthers: boolean;
}

/** A text read as YAML, with the places of its nodes. */
export interface YamlText {
  readonly source: PolicyText;
  readonly root: ParsedNode | null;
  /** The place of a stretch of the text (UTF-16 offsets); its text ends with the line. */
  ref(start: number, end: number): SourceRef;
}

/**
 * Characters; a policy of a thousand services has a tenth of it. A compose file may be somebody else's, and what reads YAML needs
 * hundreds of bytes for each of its items.
 */
const longestText = { policy: 16 << 20, compose: 1 << 20 } as const;
/** Characters of a line in which it is looked for what was meant. */
const longestLine = 1_000;

/**
 * Reads a text as YAML 1.2: one document, keys that are text, no duplicate keys. What YAML itself finds wrong is
 * reported; what the nodes mean is the reader's business.
 *
 * @returns undefined when its structure cannot be relied on
 */
export function readYaml(source: PolicyText, report: Report): YamlText | undefined {
  const whole = { file: source.path, line: 0, column: 0, text: '' };
  const most = longestText[source.role];
  if (source.text.length > most) {
    report(diagnostic('tooMuch', whole, `the file has ${source.text.length} characters; ${most} are read`));
    return undefined;
  }
  const lines = new LineCounter();
  const ref = (start: number, end: number): SourceRef => {
    const { line, col } = lines.linePos(start);
    const stretch = source.text.slice(start, end);
    const newline = stretch.indexOf('\n');
    const text = newline < 0 ? stretch : stretch.slice(0, newline);
    return { file: source.path, line: Math.max(line, 1), column: Math.max(col, 1), text: text.trimEnd() };
  };
  const documents = parse(source.text, lines);
  if (documents === undefined) {
    report(diagnostic('tooMuch', whole, 'the file is nested too deeply to be read'));
    return undefined;
  }
  const [first, second] = documents;
  if (second !== undefined) {
    const start = second.range[0];
    const fix = source.role === 'policy' ? 'put it into a file of its own in policy.d' : 'one document per file';
    report(diagnostic('manyDocuments', ref(start, start + 3), 'a second document begins here', { fix }));
  }
  if (first === undefined) return { source, root: null, ref };
  const directive = /^%.*$/m.exec(source.text);
  if (
    source.role === 'policy' &&
    directive !== null &&
    directive.index < (first.contents?.range[0] ?? source.text.length)
  )
    report(
      diagnostic(
        'yamlFeature',
        ref(directive.index, directive.index + directive[0].length),
        'a directive is not read here',
        {
          fix: 'leave it out: policy files are YAML 1.2',
        },
      ),
    );
  const sound = reportErrors(source.text, problemsOf(first), ref, report);
  return sound && second === undefined ? { source, root: first.contents, ref } : undefined;
}

function parse(text: string, lineCounter: LineCounter) {
  try {
    const documents = parseAllDocuments(text, {
      lineCounter,
      logLevel: 'silent',
      merge: false,
      prettyErrors: false,
      resolveKnownTags: false,
      schema: 'core',
      stringKeys: true,
      uniqueKeys: false, // duplicateKeys finds them
    });
    return Array.isArray(documents) ? documents : [];
  } catch {
    return undefined; // the library recurses into nested nodes; only a full stack gets here
  }
}

/** What is wrong with a document as YAML: a key that its map has had before, or what the library found. */
type Problem =
  | { readonly kind: 'duplicate'; readonly at: number }
  | { readonly kind: 'error'; readonly at: number; readonly error: YAMLError };

/** In the order of their places. */
function problemsOf(document: Document.Parsed<ParsedNode>): readonly Problem[] {
  const duplicates = duplicateKeys(document.contents).map((at): Problem => ({ kind: 'duplicate', at }));
  const errors = document.errors.map((error): Problem => ({ kind: 'error', at: error.pos[0], error }));
  return [...duplicates, ...errors].toSorted((a, b) => a.at - b.at);
}

/** Reports what YAML found. Duplicate keys leave the structure sound; after anything else the first error says enough. */
function reportErrors(text: string, problems: readonly Problem[], ref: YamlText['ref'], report: Report): boolean {
  for (const problem of problems) {
    if (problem.kind === 'duplicate') {
      const { at } = problem;
      const key = /^[^:\s,{}]+/.exec(text.slice(at))?.[0] ?? '';
      const fix = 'join the two, or take one out';
      report(
        diagnostic('duplicateKey', ref(at, at + key.length), `the key "${key}" stands twice in this map`, { fix }),
      );
      continue;
    }
    const { code, pos, message } = problem.error;
    report(syntaxError(text, code, pos, message, ref));
    return false;
  }
  return true;
}

function syntaxError(
  text: string,
  code: string,
  pos: readonly [number, number],
  message: string,
  ref: YamlText['ref'],
) {
  const lineStart = text.lastIndexOf('\n', pos[0] - 1) + 1;
  const line = text.slice(lineStart, lineStart + longestLine).split('\n', 1)[0] ?? '';
  const star = /(?:^|[\s[{,])(\*[^\s,[\]{}"']*?):?(?=[\s,\]}]|$)/.exec(line);
  if (star?.[1] !== undefined && (code === 'BAD_ALIAS' || code === 'NON_STRING_KEY')) {
    const start = lineStart + line.indexOf(star[1], star.index);
    return unquotedStar(ref(start, start + star[1].length), star[1]);
  }
  const bracket = /\[[0-9a-f:]*:[0-9a-f:]*(?:\/[0-9]+)?\](?::[0-9,/a-z+-]+)?/i.exec(line);
  if (bracket !== null) {
    const start = lineStart + bracket.index;
    return diagnostic('quoteIt', ref(start, start + bracket[0].length), 'brackets are a list to YAML', {
      fix: `quote it: "${bracket[0]}"`,
    });
  }
  if (code === 'NON_STRING_KEY')
    return diagnostic('wrongKind', ref(pos[0], pos[1]), 'a list or a map cannot be a key', {
      fix: 'quote what is meant as text',
    });
  if (code === 'RESOURCE_EXHAUSTION')
    return diagnostic('tooMuch', ref(pos[0], pos[1]), 'the file is nested too deeply to be read');
  const tab = code === 'TAB_AS_INDENT' ? 'indent with spaces' : undefined;
  const reserved = code === 'BAD_SCALAR_START' ? 'quote it' : undefined;
  return diagnostic('syntax', ref(pos[0], pos[1]), `not YAML: ${message}`, { fix: tab ?? reserved });
}

/** What to say of an alias that nobody defined, which is a pattern or a wildcard without its quotes. */
export function unquotedStar(at: SourceRef, text: string) {
  return diagnostic('unquotedStar', at, `without quotes ${text} is an alias to YAML`, { fix: `quote it: "${text}"` });
}
