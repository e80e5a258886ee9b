/** What a row said when it was run, so that a result which is older than what the row says now can be told. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowFiles } from './rows.ts';

/** By number; read when the rows themselves are, so that a file which changes during a run is told of as it ran. */
const definitions: ReadonlyMap<number, string> = new Map(
  [...rowFiles].map(([number, file]) => {
    const text = readFileSync(join(import.meta.dirname, file));
    return [number, createHash('sha256').update(text).digest('hex').slice(0, 12)];
  }),
);

/**
 * Digest of the text of a row's file, 12 hexadecimal digits: attempts and policies of all rows in that file, not what it
 * imports.
 *
 * @throws Error when no row has that number
 */
export function definitionOf(number: number): string {
  const definition = definitions.get(number);
  if (definition === undefined) throw new Error(`there is no row ${number}`);
  return definition;
}
