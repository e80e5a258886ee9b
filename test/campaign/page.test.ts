import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Campaign, type CampaignRun, campaignText, keepRun, withRun } from '../../scripts/campaign.ts';
import type { CampaignRecord } from './campaign.ts';

const run = (commit: string, failed: readonly string[] = []): CampaignRun => ({
  seed: 7,
  commit,
  what: 'everything',
  passed: 2,
  failed,
  at: '2026-01-02T03:04:05.000Z',
  minutes: 61.2,
});
const row = (chapter: string, what: string, sent: number): CampaignRecord => ({
  chapter,
  engine: '28.5',
  what,
  numbers: { sent },
});
const whole = withRun({ runs: [], rows: [] }, run('aaa'), [row('faults', 'x', 1), row('starts', 'y', 2)]);

test('a run of some tests replaces their rows, and leaves the others with the run they are of', () => {
  const after = withRun(whole, run('bbb'), [row('starts', 'y', 3)]);
  expect(after.runs.map(({ commit }) => commit)).toEqual(['aaa', 'bbb']);
  expect(after.rows.map(({ numbers, run: of }) => [numbers['sent'], of])).toEqual([
    [1, 0],
    [3, 1],
  ]);
});

test('a run that no row is of any more is not told', () => {
  const after = withRun(whole, run('bbb'), [row('faults', 'x', 4), row('starts', 'y', 5)]);
  expect(after.runs.map(({ commit }) => commit)).toEqual(['bbb']);
  expect(after.rows.map(({ run: of }) => of)).toEqual([0, 0]);
});

test('the page names every run with what failed in it', () => {
  const text = campaignText(withRun(whole, run('bbb', ['starts > y']), [row('starts', 'y', 3)]));
  expect(text).toContain('- Run 2: everything; 2026-01-02, commit bbb, seed 7, 61 minutes; 2 passed, 1 failed.');
  expect(text).toContain('  - failed: starts > y');
  expect(text).toMatch(/\| y +\| +28\.5 \| +2 \| +3 \|/);
});

test('what a run found of the bypasses is kept apart, for the scorecard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-campaign-'));
  const kept = (file: string) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Campaign).rows;
  keepRun(folder, run('aaa'), [row('bypass', 'row 26 by nftables', 12)]);
  expect(readdirSync(folder)).toEqual(['bypass.json']);
  keepRun(folder, run('bbb'), [row('starts', 'y', 1), row('bypass', 'row 27 by nftables', 6)]);
  expect(kept('bypass.json').map(({ what }) => what)).toEqual(['row 26 by nftables', 'row 27 by nftables']);
  expect(kept('campaign.json').map(({ what }) => what)).toEqual(['y']);
  expect(readFileSync(join(folder, 'campaign.md'), 'utf8')).not.toContain('row 27');
  rmSync(folder, { recursive: true });
});
