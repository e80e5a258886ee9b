import type { Diagnostic } from '../policy/diagnostic.ts';
import { formatSource, type SourceRef } from '../policy/source.ts';
import type { Context } from './context.ts';
import type { LoadedPolicy } from './loaded-policy.ts';
import type { PolicyTexts } from './policy-files.ts';
import { counted, sentence } from './text.ts';
import type { View } from './view.ts';

/** Diagnostics as lines, each with its place in the text. */
export async function diagnosticLines(
  diagnostics: readonly Diagnostic[],
  texts: PolicyTexts,
): Promise<(view: View) => readonly string[]> {
  const { renderDiagnostic } = await import('../policy/render-diagnostic.ts');
  return ({ paint, width }) =>
    diagnostics.flatMap((diagnostic) =>
      renderDiagnostic(diagnostic, texts, paint, Number.isFinite(width) ? width : undefined).split('\n'),
    );
}

export interface DiagnosticJson {
  readonly severity: Diagnostic['severity'];
  readonly code: string;
  readonly message: string;
  readonly fix: string | null;
  readonly source: SourceJson;
  readonly related: readonly SourceJson[];
}

export interface SourceJson {
  readonly file: string;
  /** From 1; 0 where the place is no line of a file. */
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A diagnostic as `--json` prints it; `fix` is null where there is none to say. */
export function diagnosticJson({ severity, code, message, fix, source, related }: Diagnostic): DiagnosticJson {
  return {
    severity,
    code,
    message,
    fix: fix ?? null,
    source: sourceJson(source),
    related: (related ?? []).map(sourceJson),
  };
}

/** A place in a file as `--json` prints it. */
export function sourceJson({ file, line, column, text }: SourceRef): SourceJson {
  return { file, line, column, text };
}

/** A diagnostic as a sentence with its place, where there is no text to show it in. */
export function diagnosticText({ code, message, fix, source }: Diagnostic): string {
  return `${code}  ${formatSource(source)}: ${message}${fix === undefined ? '' : `; ${fix}`}`;
}

/** `2 errors, 1 warning`; empty when there is neither. */
export function countsText(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic['severity']) =>
    diagnostics.filter((diagnostic) => diagnostic.severity === severity).length;
  const parts = [
    [count('error'), 'error'],
    [count('warning'), 'warning'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, word]) => counted(number, word))
    .join(', ');
}

/** Shows a policy that has errors as the result of a command. */
export async function showProblems(
  { screen }: Context,
  command: string,
  loaded: LoadedPolicy,
  consequence: string,
): Promise<void> {
  const lines = await diagnosticLines(loaded.diagnostics, loaded.texts);
  screen.show({ command, version: 1, good: false, diagnostics: loaded.diagnostics.map(diagnosticJson) }, (view) => [
    ...lines(view),
    ...sentence(`${countsText(loaded.diagnostics)}. ${consequence}`, view.paint.strong, view.width),
  ]);
}
