import type { Diagnostic } from './diagnostic.ts';
import type { SourceRef } from './source.ts';

/** A text and where it stands. */
export interface Piece {
  readonly text: string;
  readonly at: SourceRef;
}

/** Takes the diagnostics of a reading as they are found. */
export type Report = (diagnostic: Diagnostic) => void;

/**
 * A part of a piece, from `start` to `end` (UTF-16 units), with its own column. Where the written text is not the text
 * that was read (escapes, labels, folded lines) the part keeps the place of the whole.
 */
export function part(piece: Piece, start: number, end: number = piece.text.length): Piece {
  const text = piece.text.slice(start, end);
  if (piece.at.line === 0 || piece.at.text !== piece.text) return { text, at: piece.at };
  return { text, at: { ...piece.at, column: piece.at.column + start, text } };
}
