import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Site } from '../../lab/site.ts';
import { readFound } from '../../scripts/scorecard.ts';
import { record } from '../campaign/campaign.ts';
import { definitionOf } from './definition.ts';
import { openGround } from './ground.ts';
import { play } from './play.ts';
import { caseOf } from './row.ts';
import { rows as all } from './rows.ts';
import { selection } from './selection.ts';

const { rows, ways } = selection(all, readFound());

describe.each(ways)('ways out on engine $engine, held by $backend', (way) => {
  let site: Site;
  beforeAll(async () => {
    site = await openGround(way);
  });
  afterAll(() => site?.stop());

  test.each(rows)('row $number, $title', async (row) => {
    const started = Date.now();
    const played = await play(row, site, way);
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    const { backend } = way;
    const { state, tried, seen } = played;
    const kept = { row: row.number, backend, state, tried, seconds, definition: definitionOf(row.number) };
    const numbers = seen === undefined ? kept : { ...kept, seen };
    if (played.why !== null) console.log(`row ${row.number} is ${played.state}: ${played.why}`);
    record({ chapter: 'bypass', engine: way.engine, what: `row ${row.number} by ${backend}`, numbers });
    expect(played).toMatchObject({ state: caseOf(row, way).state, why: null });
  });
});
