import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Campaign, type CampaignRun, campaignText, type Found, keepRun, withRun } from '../../scripts/campaign.ts';
import type { Result } from '../../scripts/results.ts';
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
const found = (...records: readonly CampaignRecord[]): Found => ({ records, results: [] });
const whole = withRun({ runs: [], rows: [] }, run('aaa'), found(row('faults', 'x', 1), row('starts', 'y', 2)));

test('a run of some tests replaces their rows, and leaves the others with the run they are of', () => {
  const after = withRun(whole, run('bbb'), found(row('starts', 'y', 3)));
  expect(after.runs.map(({ commit }) => commit)).toEqual(['aaa', 'bbb']);
  expect(after.rows.map(({ numbers, run: of }) => [numbers['sent'], of])).toEqual([
    [1, 0],
    [3, 1],
  ]);
});

test('a run that no row is of any more is not told', () => {
  const after = withRun(whole, run('bbb'), found(row('faults', 'x', 4), row('starts', 'y', 5)));
  expect(after.runs.map(({ commit }) => commit)).toEqual(['bbb']);
  expect(after.rows.map(({ run: of }) => of)).toEqual([0, 0]);
});

test('the page names every run with what failed in it', () => {
  const text = campaignText(withRun(whole, run('bbb', ['starts > y']), found(row('starts', 'y', 3))));
  expect(text).toContain('- Run 2: everything; 2026-01-02, commit bbb, seed 7, 61 minutes; 2 passed, 1 failed.');
  expect(text).toContain('  - failed: starts > y');
  expect(text).toMatch(/\| y +\| +28\.5 \| +2 \| +3 \|/);
});

test('what a run found of the bypasses is kept apart, for the scorecard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-campaign-'));
  const kept = (file: string) => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Campaign).rows;
  keepRun(folder, run('aaa'), found(row('bypass', 'row 26 by nftables', 12)));
  expect(readdirSync(folder)).toEqual(['bypass.json']);
  keepRun(folder, run('bbb'), found(row('starts', 'y', 1), row('bypass', 'row 27 by nftables', 6)));
  expect(kept('bypass.json').map(({ what }) => what)).toEqual(['row 26 by nftables', 'row 27 by nftables']);
  expect(kept('campaign.json').map(({ what }) => what)).toEqual(['y']);
  expect(readFileSync(join(folder, 'campaign.md'), 'utf8')).not.toContain('row 27');
  rmSync(folder, { recursive: true });
});

const result = (engine: string, backend: string, passed: number, failed = 0): Result => ({
  file: 'test/packets/modes.test.ts',
  engine,
  backend,
  passed,
  failed,
});

test('what passed is told for each file with the run it is of, and a later run replaces the ways that it went', () => {
  const first = withRun(whole, run('bbb'), {
    records: [],
    results: [result('20.10', '', 9, 1), result('28.5', 'iptables-nft', 10), result('28.5', '', 10)],
  });
  const after = withRun(first, run('ccc'), { records: [], results: [result('20.10', '', 10)] });
  expect(after.runs.map(({ commit }) => commit)).toEqual(['aaa', 'bbb', 'ccc']);
  const lines = campaignText(after).split('\n');
  expect(lines.filter((line) => line.includes('modes')).map((line) => line.replace(/ +/g, ' '))).toEqual([
    '| test/packets/modes.test.ts | 20.10 | 10 | 0 | 3 |',
    '| test/packets/modes.test.ts | 28.5; 28.5 by iptables-nft | 20 | 0 | 2 |',
  ]);
});

test('a run without a single record is kept for what passed in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-campaign-'));
  keepRun(folder, run('aaa'), { records: [], results: [result('28.5', '', 3)] });
  keepRun(folder, run('bbb'), { records: [], results: [] });
  const page = readFileSync(join(folder, 'campaign.md'), 'utf8');
  expect(page).toContain('commit aaa');
  expect(page).not.toContain('commit bbb');
  rmSync(folder, { recursive: true });
});
