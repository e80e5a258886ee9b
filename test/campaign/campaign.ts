/**
 * What the long tests share: how much of them runs, the seed of their random choices, and the record of what they found.
 * `npm test` runs a sample, `npm run test:full` everything; SLUICE_SEED repeats an earlier run's choices.
 */
import { appendFileSync } from 'node:fs';
import { Random } from '../agreement/random.ts';

/** Whether everything runs. */
export const full = process.env['SLUICE_CAMPAIGN'] === 'full';

/** The same all over one run; printed with every record. */
export const seed =
  Number(process.env['SLUICE_CAMPAIGN_SEED'] ?? process.env['SLUICE_SEED'] ?? '') ||
  Math.floor(Date.now() / 1000) % 1_000_000;

/** Random choices of their own for each purpose, so that one test's do not depend on which others ran. */
export function randomFor(purpose: string): Random {
  let hash = seed;
  for (const letter of purpose) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193) >>> 0;
  return new Random(hash);
}

/** One thing that was run, and the numbers it gave. */
export interface CampaignRecord {
  /** The chapter it belongs to: `faults`, `starts`… */
  readonly chapter: string;
  readonly engine: string;
  readonly what: string;
  /** Column by column, in words. */
  readonly numbers: Readonly<Record<string, string | number>>;
}

/** Prints a record, and keeps it where scripts/test.ts asked for it. */
export function record(one: CampaignRecord): void {
  const numbers = Object.entries(one.numbers).map(([name, value]) => `${name} ${value}`);
  console.log(`[${one.chapter}] engine ${one.engine}, ${one.what}: ${numbers.join(', ')} (seed ${seed})`);
  const file = process.env['SLUICE_CAMPAIGN_RECORD'];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ ...one, seed })}\n`);
}
