import type { UnreadLine } from '../model.ts';

/** A stretch of a listing, by its lines; numbers of lines are from 1. */
export interface Stretch {
  readonly lines: readonly string[];
  /** Index of its first line, and of the one after its last. */
  readonly from: number;
  readonly to: number;
}

/** Gathers the lines that could not be read, with the reason. */
export class Unread {
  readonly lines: UnreadLine[] = [];

  /** @param index of the line, from 0 */
  add(lines: readonly string[], index: number, why: string): void {
    this.lines.push({ line: index + 1, text: lines[index] ?? '', why });
  }
}
