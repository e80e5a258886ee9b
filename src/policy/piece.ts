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
  return new Part(piece, start, piece.text.slice(start, end));
}

/** Its place is worked out when it is asked for: seldom, for it is for what is wrong. */
class Part implements Piece {
  readonly text: string;
  readonly #whole: Piece;
  readonly #start: number;

  constructor(whole: Piece, start: number, text: string) {
    this.#whole = whole;
    this.#start = start;
    this.text = text;
  }

  get at(): SourceRef {
    const { at, text } = this.#whole;
    if (at.line === 0 || at.text !== text) return at;
    return { ...at, column: at.column + this.#start, text: this.text };
  }
}
