import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { missing, readFound, readme, scorecard, withScorecard } from '../../scripts/scorecard.ts';
import { definitionOf } from './definition.ts';
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
  expect(text, 'a row or a result has changed: node scripts/scorecard.ts').toBe(
    withScorecard(text, scorecard(rows, readFound())),
  );
});

test('a way out that a run found open stands in the scorecard as open, one that nobody ran as not run', () => {
  const row: Row = { number: 1, title: 'x', tries: 'y', is: { state: 'closed', attempt: async () => [] } };
  const found = new Map([
    ['1 28.5 nftables', { state: 'closed', definition: null }],
    ['1 28.5 iptables', { state: 'open', definition: null }],
    ['1 26.1 nftables', { state: 'closed', definition: null }],
    ['1 26.1 iptables', { state: 'closed', definition: null }],
  ]);
  expect(scorecard([row], found).split('\n')[2]).toBe('| 1 | x | **not run** | closed | closed / **OPEN** |');
  expect(missing([row], found).slice(0, 3)).toEqual([
    'row 1 was not run on engine 20.10 with nftables',
    'row 1 was not run on engine 20.10 with iptables',
    'row 2 is not written',
  ]);
});

test('a row that says something else than when it was run is told of as such, until it is run again', () => {
  const row: Row = { number: 1, title: 'x', tries: 'y', is: { state: 'closed', attempt: async () => [] } };
  const found = (definition: string | null) =>
    new Map(everyWay.map(({ engine, backend }) => [`1 ${engine} ${backend}`, { state: 'closed', definition }]));
  const line = (definition: string | null) => scorecard([row], found(definition)).split('\n')[2];
  const [one] = missing([row], found('of another text'));
  expect(line('of another text')).toBe(`| 1 | x ${'| closed, before a change '.repeat(3)}|`);
  expect(one).toBe('row 1 has changed since it was run on engine 20.10 with nftables');
  for (const definition of [definitionOf(1), null]) {
    expect(line(definition)).toBe(`| 1 | x ${'| closed '.repeat(3)}|`);
    expect(missing([row], found(definition))[0]).toBe('row 2 is not written');
  }
});

test('what is left of a row that is closed stands beside its state', () => {
  const row: Row = { number: 1, title: 'x', tries: 'y', is: { state: 'closed', attempt: async () => [] } };
  const found = new Map(
    everyWay.map(({ engine, backend }) => [`1 ${engine} ${backend}`, { state: 'closed', definition: null }]),
  );
  const card = (more: Partial<Row>) => scorecard([{ ...row, outside: 'names', ...more }], found).split('\n')[2];
  const named = '| 1 | [x](docs/threat-model.md#names) ';
  expect(card({})).toBe(`${named}${'| closed; the rest outside '.repeat(3)}|`);
  expect(card({ rest: 'open for a moment' })).toBe(`${named}${'| closed; open for a moment '.repeat(3)}|`);
  expect(card({ rest: null })).toBe(`${named}${'| closed '.repeat(3)}|`);
});
