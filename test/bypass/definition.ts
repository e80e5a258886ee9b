/** What a row said when it was run, so that a result which is older than what the row says now can be told. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rowFiles } from './rows.ts';

/**
 * Digest of the text of a row's file, 12 hexadecimal digits: attempts and policies of all rows in that file, not what it
 * imports.
 *
 * @throws Error when no row has that number
 */
export function definitionOf(number: number): string {
  const file = rowFiles.get(number);
  if (file === undefined) throw new Error(`there is no row ${number}`);
  return createHash('sha256')
    .update(readFileSync(join(import.meta.dirname, file)))
    .digest('hex')
    .slice(0, 12);
}
