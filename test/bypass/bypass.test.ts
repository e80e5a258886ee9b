import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Site } from '../../lab/site.ts';
import { record } from '../campaign/campaign.ts';
import { openGround } from './ground.ts';
import { type Played, play } from './play.ts';
import { caseOf } from './row.ts';
import { rows as all } from './rows.ts';
import { selection } from './selection.ts';

const { rows, ways } = selection(all);

describe.each(ways)('ways out on engine $engine, held by $backend', { timeout: 180_000 }, (way) => {
  let site: Site;
  beforeAll(async () => {
    site = await openGround(way);
  });
  afterAll(() => site?.stop());

  test.each(rows)('row $number, $title', async (row) => {
    const started = Date.now();
    const broken = (error: unknown): Played => ({ state: 'unproven', tried: 0, why: String(error) });
    const played = await play(row, site, way).catch(broken);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const numbers = { row: row.number, backend: way.backend, state: played.state, tried: played.tried, seconds };
    record({ chapter: 'bypass', engine: way.engine, what: `row ${row.number} by ${way.backend}`, numbers });
    expect(played).toMatchObject({ state: caseOf(row, way).state, why: null });
  });
});
