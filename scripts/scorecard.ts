/**
 * The README's scorecard of known ways out, from docs/bypass.json, which the last whole runs left:
 * `node scripts/scorecard.ts`. It says what nobody has run, and then ends with 1. A test fails while the README is not
 * what this would write.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, engines } from '../lab/roots.ts';
import { backends, caseOf, type Row } from '../test/bypass/row.ts';
import { lastRow, rows } from '../test/bypass/rows.ts';
import { everyWay, placeOf } from '../test/bypass/selection.ts';
import type { Campaign } from './campaign.ts';

const root = join(import.meta.dirname, '..');
export const readme = join(root, 'README.md');
const results = join(root, 'docs', 'bypass.json');
const [begin, end] = ['<!-- generated: scorecard -->', '<!-- end -->'];
const notRun = '**not run**';

/** What whole runs found, by row, engine and backend. */
export type Found = ReadonlyMap<string, string>;

const readResults = (): Campaign =>
  existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as Campaign) : { runs: [], rows: [] };

export function readFound(): Found {
  return new Map(
    readResults().rows.map(({ engine, numbers }) => {
      const backend = String(numbers['backend']);
      return [placeOf(String(numbers['row']), { engine, backend }), String(numbers['state'])];
    }),
  );
}

/** Which runs that is from, in a sentence: when, and of which commits. */
export function readOrigin(): string {
  const { runs, rows: kept } = readResults();
  const used = runs.filter((_, index) => kept.some(({ run }) => run === index));
  const days = [...new Set(used.map(({ at }) => at.slice(0, 10)))].toSorted();
  const commits = [...new Set(used.map(({ commit }) => commit))];
  return `From whole runs of ${days.join(' and ')}, at ${commits.length === 1 ? 'commit' : 'commits'} ${commits.join(', ')}.`;
}

/** What of the catalogue nobody has run, in words; rows that nobody has written, too. */
export function missing(all: readonly Row[], found: Found): readonly string[] {
  const numbers = Array.from({ length: lastRow }, (_, index) => index + 1);
  return numbers.flatMap((number) => {
    const row = all.find((one) => one.number === number);
    if (row === undefined) return [`row ${number} is not written`];
    return everyWay
      .filter((way) => caseOf(row, way).state !== 'outside' && !found.has(placeOf(number, way)))
      .map(({ engine, backend }) => `row ${number} was not run on engine ${engine} with ${backend}`);
  });
}

export function scorecard(all: readonly Row[], found: Found): string {
  const head = `| # | what it tries | ${engines.join(' | ')} |\n|---:|---|${engines.map(() => '---|').join('')}`;
  const numbers = Array.from({ length: lastRow }, (_, index) => index + 1);
  const lines = numbers.map((number) => {
    const row = all.find((one) => one.number === number);
    const cells = engines.map((engine) => (row === undefined ? notRun : cell(row, engine, found)));
    return `| ${number} | ${row === undefined ? '' : titleOf(row)} | ${cells.join(' | ')} |`;
  });
  return [head, ...lines].join('\n');
}

/** One state where both backends are alike, else that of nftables before that of iptables. */
function cell(row: Row, engine: Engine, found: Found): string {
  const states = backends.map((backend) => {
    if (caseOf(row, { engine, backend }).state === 'outside') return 'outside';
    const state = found.get(placeOf(row.number, { engine, backend }));
    if (state === undefined) return notRun;
    return state === 'open' || state === 'unproven' ? `**${state.toUpperCase()}**` : state;
  });
  const text = [...new Set(states)].join(' / ');
  return row.outside === undefined || text === 'outside' ? text : `${text}, in part`;
}

/** With the section of the threat model that says what is outside, where something is. */
function titleOf({ outside, title }: Row): string {
  return outside === undefined ? title : `[${title}](docs/threat-model.md#${outside})`;
}

/** The README with the scorecard between its markers. */
export function withScorecard(text: string, card: string, origin = readOrigin()): string {
  const at = text.indexOf(begin);
  const until = text.indexOf(end, at);
  if (at < 0 || until < 0) throw new Error(`README.md lacks ${begin} … ${end}`);
  return `${text.slice(0, at)}${begin}\n${card}\n\n${origin}\n${text.slice(until)}`;
}

if (import.meta.main) {
  const found = readFound();
  writeFileSync(readme, withScorecard(readFileSync(readme, 'utf8'), scorecard(rows, found)));
  const lacking = missing(rows, found);
  for (const line of lacking) console.error(line);
  if (lacking.length > 0) {
    console.error('run them: SLUICE_BYPASS=all npm test -- --project packets test/bypass');
    process.exitCode = 1;
  }
}
