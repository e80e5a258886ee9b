/**
 * docs/campaign.md: what the last whole runs of the campaigns gave, and which tests passed beside which engine. Written by
 * `npm run test:full`; a run of some of the tests (`npm run test:full -- test/starts`) replaces the rows that it made anew.
 * docs/campaign.json keeps what the page is made of, docs/bypass.json what the README's scorecard is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdown } from '../bench/table.ts';
import type { CampaignRecord } from '../test/campaign/campaign.ts';
import { placeOfResult, type Result, type ResultOfRun, resultsText } from './results.ts';

export interface CampaignRun {
  readonly seed: number;
  readonly commit: string;
  /** What was asked for: `everything`, or vitest's arguments. */
  readonly what: string;
  /** Of all tests, as the last line of `npm test` has them. */
  readonly passed: number;
  /** Names of the tests that failed. */
  readonly failed: readonly string[];
  /** When it ended: ISO 8601, UTC. */
  readonly at: string;
  readonly minutes: number;
}

/** What the page is made of: rows with the index of the run they are of. */
export interface Campaign {
  readonly runs: readonly CampaignRun[];
  readonly rows: readonly CampaignRow[];
  /** Not in files from before they were kept. */
  readonly results?: readonly ResultOfRun[];
}

/** What one run found. */
export interface Found {
  readonly records: readonly CampaignRecord[];
  readonly results: readonly Result[];
}

type CampaignRow = CampaignRecord & { readonly run: number };

/** Every record of a file that test/campaign wrote; none where nothing was. */
export function readRecords(file: string): readonly CampaignRecord[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as CampaignRecord);
}

/** The chapter that the README's scorecard tells of, and no page here. */
const bypass = 'bypass';

/** Takes a whole run into the folder's campaign.json and campaign.md, and what it has of the bypasses into bypass.json. */
export function keepRun(folder: string, run: CampaignRun, { records, results }: Found): void {
  keepBypasses(folder, run, records);
  const others = records.filter(({ chapter }) => chapter !== bypass);
  if (others.length + results.length === 0) return;
  const campaign = keepIn(join(folder, 'campaign.json'), run, { records: others, results });
  writeFileSync(join(folder, 'campaign.md'), campaignText(campaign));
}

/** Takes a run into the folder's bypass.json, of which scripts/scorecard.ts makes the README's scorecard. */
export function keepBypasses(folder: string, run: CampaignRun, records: readonly CampaignRecord[]): void {
  const own = records.filter(({ chapter }) => chapter === bypass);
  if (own.length > 0) keepIn(join(folder, 'bypass.json'), run, { records: own, results: [] });
}

function keepIn(file: string, run: CampaignRun, found: Found): Campaign {
  const before: Campaign = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Campaign)
    : { runs: [], rows: [] };
  const campaign = withRun(before, run, found);
  writeFileSync(file, `${JSON.stringify(campaign, null, 1)}\n`);
  return campaign;
}

/** Replaces what a run made anew; runs that nothing is of any more are dropped. */
export function withRun(before: Campaign, run: CampaignRun, { records, results }: Found): Campaign {
  const number = before.runs.length;
  const rows: readonly CampaignRow[] = anew(before.rows, records, placeOf, number);
  const all: readonly ResultOfRun[] = anew(before.results ?? [], results, placeOfResult, number);
  const used = new Set([...rows, ...all].map((one) => one.run));
  const kept = [...before.runs, run].map((one, index) => ({ one, index })).filter(({ index }) => used.has(index));
  const renumbered = new Map(kept.map(({ index }, now) => [index, now]));
  const now = <T extends { readonly run: number }>(one: T): T => ({ ...one, run: renumbered.get(one.run) ?? 0 });
  return { runs: kept.map(({ one }) => one), rows: rows.map(now), results: all.map(now) };
}

/** Those from before of which the run has none, and the run's. */
function anew<T extends object>(
  before: readonly (T & { readonly run: number })[],
  ofRun: readonly T[],
  place: (one: T) => string,
  run: number,
): readonly (T & { readonly run: number })[] {
  const places = new Set(ofRun.map(place));
  return [...before.filter((one) => !places.has(place(one))), ...ofRun.map((one) => ({ ...one, run }))];
}

const placeOf = ({ chapter, engine, what }: CampaignRecord) => `${chapter}\n${engine}\n${what}`;

/** The page: a chapter for each sort of test, in it a table for each set of numbers, and one of what passed. */
export function campaignText({ results = [], rows, runs }: Campaign): string {
  const chapters = [...new Set(rows.map(({ chapter }) => chapter))].toSorted();
  return `# The campaigns, whole

Written by \`npm run test:full\`, which runs in full what \`npm test\` samples. What is sent is counted by its senders, what
arrives by observers beyond the host's last hook; every fault ran without Sluice first, where at least 99 % of all that was
sent arrived. \`SLUICE_SEED=SEED\` makes a run's choices again.

${runs.map((run, index) => runText(run, index, rows)).join('\n')}
${chapters.map((chapter) => chapterText(chapter, rows)).join('')}${resultsText(results)}`;
}

function runText(run: CampaignRun, index: number, rows: readonly CampaignRow[]): string {
  const { at, commit, failed, minutes, passed, seed, what } = run;
  const day = at.slice(0, 'YYYY-MM-DD'.length);
  const names = failed.map((name) => `\n  - failed: ${name}${laterResult(name, index, rows)}`).join('');
  const result = `${passed} passed, ${failed.length} failed`;
  return `- Run ${index + 1}: ${what}; ${day}, commit ${commit}, seed ${seed}, ${minutes.toFixed(0)} minutes; ${result}.${names}`;
}

/** What failed in one run may have a row of a later one. */
function laterResult(name: string, index: number, rows: readonly CampaignRow[]): string {
  const later = rows.find(({ engine, run, what }) => run > index && name.startsWith(`on engine ${engine} ${what}`));
  return later === undefined ? '' : `; its row is of run ${later.run + 1}`;
}

function chapterText(chapter: string, rows: readonly CampaignRow[]): string {
  const shapes = new Map<string, CampaignRow[]>();
  for (const row of rows.filter((one) => one.chapter === chapter)) {
    const shape = Object.keys(row.numbers).join();
    shapes.set(shape, [...(shapes.get(shape) ?? []), row]);
  }
  const tables = [...shapes.values()].map((alike) => {
    const columns = Object.keys(alike[0]?.numbers ?? {});
    return markdown(
      ['', 'engine', 'run', ...columns],
      alike
        .toSorted((a, b) => Number.parseFloat(a.engine) - Number.parseFloat(b.engine))
        .map(({ engine, numbers, run, what }) => [
          what,
          engine,
          String(run + 1),
          ...columns.map((column) => String(numbers[column] ?? '')),
        ]),
    );
  });
  return `\n## ${chapter[0]?.toUpperCase()}${chapter.slice(1)}\n\n${tables.join('\n\n')}\n`;
}
