import { diagnostic } from './codes.ts';
import type { NamePattern } from './model.ts';
import { patternOf } from './pattern.ts';
import type { Piece, Report } from './piece.ts';

/**
 * What each kind of name may be made of, `*` aside. Projects: compose-go v2 loader, NormalizeProjectName
 * (`[a-z0-9][a-z0-9_-]*`); services and network keys: compose-spec.json, patternProperties `^[a-zA-Z0-9._-]+$`;
 * containers and networks: moby daemon/names, RestrictedNameChars `[a-zA-Z0-9][a-zA-Z0-9_.-]`; groups: ours.
 */
const shapes = {
  project: { shape: /^[a-z0-9*][a-z0-9_*-]*$/, made: 'lower-case letters, digits, "-" and "_"' },
  service: { shape: /^[A-Za-z0-9._*-]+$/, made: 'letters, digits, ".", "-" and "_"' },
  container: { shape: /^[A-Za-z0-9*][A-Za-z0-9_.*-]*$/, made: 'letters, digits, ".", "-" and "_"' },
  network: { shape: /^[A-Za-z0-9][A-Za-z0-9_.-]*$/, made: 'letters, digits, ".", "-" and "_"' },
  group: { shape: /^[A-Za-z][A-Za-z0-9_-]*$/, made: 'a letter first, then letters, digits, "-" and "_"' },
} as const;

export type NameKind = keyof typeof shapes;

/** Container names have no limit in the engine; this one keeps matching cheap. */
const longest = 255;

/** Checks the name of a thing of `kind`. */
export function parseName(piece: Piece, kind: NameKind, report: Report): string | undefined {
  const { text, at } = piece;
  if (text === '') {
    report(diagnostic('emptySelector', at, `the name of a ${kind} is missing`));
    return undefined;
  }
  if (text.length <= longest && shapes[kind].shape.test(text)) return text;
  const star = kind === 'group' && text === '*';
  const lower = kind === 'project' && shapes.project.shape.test(text.toLowerCase());
  report(
    diagnostic(
      'badName',
      at,
      text.length > longest
        ? `the name of a ${kind} has ${text.length} characters; ${longest} are read`
        : `no ${kind} can be called "${text}": its name is made of ${shapes[kind].made}`,
      {
        fix: star
          ? 'everything is written "any"'
          : lower
            ? `Compose writes project names in lower case: "${text.toLowerCase()}"`
            : undefined,
      },
    ),
  );
  return undefined;
}

/** Checks a name in which `*` may stand for any run of characters. */
export function parsePattern(
  piece: Piece,
  kind: 'project' | 'service' | 'container',
  report: Report,
): NamePattern | undefined {
  const name = parseName(piece, kind, report);
  return name === undefined ? undefined : patternOf(name);
}

/** Refuses the one name of a project that `PROJECT/SERVICE` cannot be written with: `container/db` is a container. */
export function checkProjectName({ text, at }: Piece, report: Report, fix: string): void {
  if (text !== 'container') return;
  const message = 'a project called "container" cannot be told from containers, which are written container/NAME';
  report(diagnostic('projectCalledContainer', at, message, { fix }));
}

/** Checks a name in which `*` may not stand. */
export function parseExactName(piece: Piece, kind: NameKind, report: Report, fix: string): string | undefined {
  if (!piece.text.includes('*')) return parseName(piece, kind, report);
  report(diagnostic('badName', piece.at, `"${piece.text}" is a pattern, and this place names one ${kind}`, { fix }));
  return undefined;
}
