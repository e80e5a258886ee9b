/**
 * The README's scorecard of known ways out, from docs/bypass.json, which the last whole runs left:
 * `node scripts/scorecard.ts`. It says what nobody has run, and what has changed since it was run, and then ends with 1. A
 * test fails while the README is not what this would write, so a row that changes shows at once.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, engines } from '../lab/roots.ts';
import { definitionOf } from '../test/bypass/definition.ts';
import { type BypassWay, backends, caseOf, type Row, restOf } from '../test/bypass/row.ts';
import { lastRow, rows } from '../test/bypass/rows.ts';
import { everyWay, placeOf } from '../test/bypass/selection.ts';
import type { Campaign } from './campaign.ts';

const root = join(import.meta.dirname, '..');
export const readme = join(root, 'README.md');
const results = join(root, 'docs', 'bypass.json');
const [begin, end] = ['<!-- generated: scorecard -->', '<!-- end -->'];
const notRun = '**not run**';

/** What a run found of a row there. */
export interface FoundCell {
  readonly state: string;
  /** What the row said then (`definitionOf`); null: recorded before runs kept it. */
  readonly definition: string | null;
}

/** What whole runs found, by row, engine and backend. */
export type Found = ReadonlyMap<string, FoundCell>;

const readResults = (): Campaign =>
  existsSync(results) ? (JSON.parse(readFileSync(results, 'utf8')) as Campaign) : { runs: [], rows: [] };

export function readFound(): Found {
  return new Map(
    readResults().rows.map(({ engine, numbers }) => {
      const place = placeOf(String(numbers['row']), { engine, backend: String(numbers['backend']) });
      const definition = numbers['definition'];
      return [
        place,
        { state: String(numbers['state']), definition: definition === undefined ? null : String(definition) },
      ];
    }),
  );
}

/** Which runs that is from, in a sentence or two: when, of which commits, and what they did not keep. */
export function readOrigin(): string {
  const { runs, rows: kept } = readResults();
  const used = runs.filter((_, index) => kept.some(({ run }) => run === index));
  const days = [...new Set(used.map(({ at }) => at.slice(0, 10)))].toSorted();
  const commits = [...new Set(used.map(({ commit }) => commit))];
  const from = `From runs of ${days.join(' and ')}, at ${commits.length === 1 ? 'commit' : 'commits'} ${commits.join(', ')}.`;
  const before = [...readFound().values()].filter(({ definition }) => definition === null).length;
  if (before === 0) return from;
  return `${from} ${before} results were recorded before runs kept what a row said: whether those rows are still the same is not known.`;
}

/** What of the catalogue nobody has run as it is now, in words; rows that nobody has written, too. */
export function missing(all: readonly Row[], found: Found): readonly string[] {
  const numbers = Array.from({ length: lastRow }, (_, index) => index + 1);
  return numbers.flatMap((number) => {
    const row = all.find((one) => one.number === number);
    if (row === undefined) return [`row ${number} is not written`];
    return everyWay
      .filter((way) => caseOf(row, way).state !== 'outside')
      .flatMap((way) => {
        const one = found.get(placeOf(number, way));
        const where = `on engine ${way.engine} with ${way.backend}`;
        if (one === undefined) return [`row ${number} was not run ${where}`];
        return hasChanged(row, one) ? [`row ${number} has changed since it was run ${where}`] : [];
      });
  });
}

/** Whether a row says something else than when it was run; not known of what was recorded before runs kept it. */
function hasChanged({ number }: Row, { definition }: FoundCell): boolean {
  return definition !== null && definition !== definitionOf(number);
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
  return [...new Set(backends.map((backend) => stateText(row, { engine, backend }, found)))].join(' / ');
}

function stateText(row: Row, way: BypassWay, found: Found): string {
  if (caseOf(row, way).state === 'outside') return 'outside';
  const one = found.get(placeOf(row.number, way));
  if (one === undefined) return notRun;
  const { state } = one;
  if (state === 'open' || state === 'unproven') return `**${state.toUpperCase()}**`;
  const rest = restOf(row, way);
  const text = state === 'closed' && rest !== null ? `closed; ${rest}` : state;
  return hasChanged(row, one) ? `${text}, before a change` : text;
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
