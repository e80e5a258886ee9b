/** docs/campaign.md: what the last whole campaign ran, and the numbers it gave. Written by `npm run test:full`. */
import { existsSync, readFileSync } from 'node:fs';
import { markdown } from '../bench/table.ts';
import type { CampaignRecord } from '../test/campaign/campaign.ts';

export interface CampaignRun {
  readonly seed: number;
  readonly commit: string;
  /** Of all tests, as the last line of `npm test` has them. */
  readonly passed: number;
  readonly failed: number;
  /** When it ended. */
  readonly at: Date;
  readonly minutes: number;
}

/** Every record of a file that test/campaign wrote; none where nothing was. */
export function readRecords(file: string): readonly CampaignRecord[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as CampaignRecord);
}

/** The page: a chapter for each sort of test, and in it a table for each set of numbers. */
export function campaignText(records: readonly CampaignRecord[], run: CampaignRun): string {
  const chapters = [...new Set(records.map(({ chapter }) => chapter))];
  const [day] = run.at.toISOString().split('T');
  const result = `${run.passed} tests passed and ${run.failed} failed`;
  return `# The last whole campaign

Written by \`npm run test:full\`, which runs in full what \`npm test\` samples: ${day}, commit ${run.commit}, seed ${run.seed}, ${run.minutes.toFixed(0)} minutes;
${result}. \`SLUICE_SEED=${run.seed} npm run test:full\` makes the same choices again.

What is sent is counted by its senders, what arrives by observers beyond the host's last hook; every fault ran without Sluice
first, where at least 99 % of all that was sent arrived.
${chapters.map((chapter) => chapterText(chapter, records)).join('')}`;
}

function chapterText(chapter: string, records: readonly CampaignRecord[]): string {
  const own = records.filter((one) => one.chapter === chapter);
  const shapes = new Map<string, CampaignRecord[]>();
  for (const one of own) {
    const shape = Object.keys(one.numbers).join();
    shapes.set(shape, [...(shapes.get(shape) ?? []), one]);
  }
  const tables = [...shapes.values()].map((rows) => {
    const columns = Object.keys(rows[0]?.numbers ?? {});
    const head = ['', 'engine', ...columns];
    return markdown(
      head,
      rows.map(({ engine, numbers, what }) => [
        what,
        engine,
        ...columns.map((column) => String(numbers[column] ?? '')),
      ]),
    );
  });
  return `\n## ${chapter[0]?.toUpperCase()}${chapter.slice(1)}\n\n${tables.join('\n\n')}\n`;
}
