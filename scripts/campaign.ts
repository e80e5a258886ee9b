/**
 * docs/campaign.md: what the last whole runs of the campaigns gave. Written by `npm run test:full`; a run of some of the
 * tests (`npm run test:full -- test/starts`) replaces the rows that it made anew. docs/campaign.json keeps what the page
 * is made of, docs/bypass.json what the README's scorecard is.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markdown } from '../bench/table.ts';
import type { CampaignRecord } from '../test/campaign/campaign.ts';

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
export function keepRun(folder: string, run: CampaignRun, records: readonly CampaignRecord[]): void {
  keepBypasses(folder, run, records);
  const others = records.filter(({ chapter }) => chapter !== bypass);
  if (others.length === 0) return;
  const campaign = keepIn(join(folder, 'campaign.json'), run, others);
  writeFileSync(join(folder, 'campaign.md'), campaignText(campaign));
}

/** Takes a run into the folder's bypass.json, of which scripts/scorecard.ts makes the README's scorecard. */
export function keepBypasses(folder: string, run: CampaignRun, records: readonly CampaignRecord[]): void {
  const own = records.filter(({ chapter }) => chapter === bypass);
  if (own.length > 0) keepIn(join(folder, 'bypass.json'), run, own);
}

function keepIn(file: string, run: CampaignRun, records: readonly CampaignRecord[]): Campaign {
  const before: Campaign = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Campaign)
    : { runs: [], rows: [] };
  const campaign = withRun(before, run, records);
  writeFileSync(file, `${JSON.stringify(campaign, null, 1)}\n`);
  return campaign;
}

/** Replaces the rows that a run made anew; runs that no row is of any more are dropped. */
export function withRun({ runs, rows }: Campaign, run: CampaignRun, records: readonly CampaignRecord[]): Campaign {
  const isAnew = (row: CampaignRecord) => records.some((one) => placeOf(one) === placeOf(row));
  const all: readonly CampaignRow[] = [
    ...rows.filter((row) => !isAnew(row)),
    ...records.map((record) => ({ ...record, run: runs.length })),
  ];
  const kept = [...runs, run]
    .map((one, index) => ({ one, index }))
    .filter(({ index }) => all.some((row) => row.run === index));
  const renumbered = new Map(kept.map(({ index }, now) => [index, now]));
  return {
    runs: kept.map(({ one }) => one),
    rows: all.map((row) => ({ ...row, run: renumbered.get(row.run) ?? 0 })),
  };
}

const placeOf = ({ chapter, engine, what }: CampaignRecord) => `${chapter}\n${engine}\n${what}`;

/** The page: a chapter for each sort of test, and in it a table for each set of numbers. */
export function campaignText({ rows, runs }: Campaign): string {
  const chapters = [...new Set(rows.map(({ chapter }) => chapter))].toSorted();
  return `# The campaigns, whole

Written by \`npm run test:full\`, which runs in full what \`npm test\` samples. What is sent is counted by its senders, what
arrives by observers beyond the host's last hook; every fault ran without Sluice first, where at least 99 % of all that was
sent arrived. \`SLUICE_SEED=SEED\` makes a run's choices again.

${runs.map((run, index) => runText(run, index, rows)).join('\n')}
${chapters.map((chapter) => chapterText(chapter, rows)).join('')}`;
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
