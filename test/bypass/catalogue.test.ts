import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missing, readFound, readme, scorecard, withScorecard } from '../../scripts/scorecard.ts';
import { caseOf, type Row } from './row.ts';
import { lastRow, rows } from './rows.ts';
import { everyWay } from './selection.ts';

const threatModel = readFileSync(join(import.meta.dirname, '../../docs/threat-model.md'), 'utf8');

/** As GitHub makes them: small letters, spaces to hyphens, other marks left out. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} -]/gu, '')
    .replaceAll(' ', '-');
const sections = new Map(
  threatModel
    .split(/^#{2,3} /m)
    .slice(1)
    .map((text) => [anchorOf(text.slice(0, text.indexOf('\n'))), text] as const),
);

test('every number of the list has one row', () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: lastRow }, (_, index) => index + 1));
});

test('the threat model says of every row that is outside why, and what an operator can do', () => {
  const isOutside = (row: Row) => everyWay.some((way) => caseOf(row, way).state === 'outside');
  for (const row of rows.filter((one) => isOutside(one) || one.outside !== undefined)) {
    const section = sections.get(row.outside ?? '');
    expect(section, `row ${row.number}: no section #${row.outside}`).toBeDefined();
    expect(section, `row ${row.number} in #${row.outside}`).toMatch(
      new RegExp(`rows?[\\d\\s,and]*\\b${row.number}\\b`),
    );
    expect(section, `#${row.outside} tells an operator nothing`).toMatch(/^- /m);
  }
});

test("the README's scorecard is what the last whole runs found", () => {
  const text = readFileSync(readme, 'utf8');
  expect(text).toBe(withScorecard(text, scorecard(rows, readFound())));
});

test('a way out that a run found open stands in the scorecard as open, one that nobody ran as not run', () => {
  const row: Row = { number: 1, title: 'x', tries: 'y', is: { state: 'closed', attempt: async () => [] } };
  const found = new Map([
    ['1 28.5 nftables', 'closed'],
    ['1 28.5 iptables', 'open'],
    ['1 26.1 nftables', 'closed'],
    ['1 26.1 iptables', 'closed'],
  ]);
  expect(scorecard([row], found).split('\n')[2]).toBe('| 1 | x | **not run** | closed | closed / **OPEN** |');
  expect(missing([row], found).slice(0, 3)).toEqual([
    'row 1 was not run on engine 20.10 with nftables',
    'row 1 was not run on engine 20.10 with iptables',
    'row 2 is not written',
  ]);
});
