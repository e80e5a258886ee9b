import type { Node } from 'yaml';
import { diagnostic } from './codes.ts';
import type { Reader } from './reader.ts';

const dayLength = 24 * 60 * 60 * 1000;

/**
 * Reads a date, `2027-01-31`, quoted or not, as the last millisecond of that UTC day (milliseconds since the epoch).
 * A date that the calendar does not have is reported.
 */
export function readUntil(node: Node, reader: Reader): number | undefined {
  const piece = reader.raw(node, 'until');
  if (piece === undefined) return undefined;
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(piece.text);
  if (match !== null) {
    const [year = 0, month = 0, day = 0] = match.slice(1).map(Number);
    const start = Date.UTC(year, month - 1, day);
    if (new Date(start).toISOString().slice(0, 10) === piece.text) return start + dayLength - 1;
  }
  const message = match === null ? `"${piece.text}" is not a date` : `the calendar has no ${piece.text}`;
  reader.report(diagnostic('badDate', piece.at, message, { fix: 'write year-month-day: 2027-01-31' }));
  return undefined;
}
