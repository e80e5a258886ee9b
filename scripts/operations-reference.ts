/**
 * Writes the tables of docs/operations.md between their marks, from the codes of the daemon's troubles and the exit codes:
 * `node scripts/operations-reference.ts`. A test fails while the page is not what this would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exits } from '../src/cli/exit.ts';
import { troubleCodes } from '../src/control/trouble.ts';
import { fillTables, markdownTable } from './generated-tables.ts';

export const operationsPage = join(import.meta.dirname, '../docs/operations.md');

export function withTables(page: string): string {
  return fillTables(page, { troubles: troublesTable, exits: exitsTable });
}

function troublesTable(): string {
  const rows = Object.entries(troubleCodes).map(([code, { means, mend }]) => [`\`${code}\``, means, mend]);
  return markdownTable(['Code', 'What it means', 'What to do'], rows);
}

function exitsTable(): string {
  const rows = Object.values(exits)
    .toSorted((a, b) => a.code - b.code)
    .map(({ code, means, next }) => [String(code), means, next]);
  return markdownTable(['Code', 'What it means', 'What to do'], rows);
}

if (import.meta.main) writeFileSync(operationsPage, withTables(readFileSync(operationsPage, 'utf8')));
