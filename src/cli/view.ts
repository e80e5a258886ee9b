import type { Paint } from './paint.ts';

/** What a screen needs to know about who looks at it. */
export interface View {
  readonly paint: Paint;
  /** Columns; infinite in a pipe, where nothing wraps. */
  readonly width: number;
}

const narrowest = 40;

/** The width of an output: a terminal's own, COLUMNS where it is set, none for pipes and files. */
export function widthOf(
  stream: { readonly terminal: boolean; readonly columns: number | undefined },
  env: Readonly<Record<string, string | undefined>>,
): number {
  const set = /^[1-9][0-9]{0,3}$/.test(env['COLUMNS'] ?? '') ? Number(env['COLUMNS']) : undefined;
  const width = stream.terminal ? (stream.columns ?? set ?? 80) : set;
  return width === undefined ? Number.POSITIVE_INFINITY : Math.max(width, narrowest);
}
