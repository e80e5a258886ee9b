/** Which rows a run tries, and where. */
import { engines } from '../../lab/roots.ts';
import { full, randomFor } from '../campaign/campaign.ts';
import { type BypassWay, backends, caseOf, type Row } from './row.ts';

/** Every engine with each backend. */
export const everyWay: readonly BypassWay[] = engines.flatMap((engine) =>
  backends.map((backend) => ({ engine, backend })),
);

/** A sample takes so many rows. */
const sampled = 6;

/**
 * With `SLUICE_CAMPAIGN=full` or `SLUICE_BYPASS=all` every row that proves anything, on every engine and backend; with
 * numbers in `SLUICE_BYPASS`, as `22,26`, those; else the seed draws a few rows, one engine and one backend.
 */
export function selection(all: readonly Row[]): { readonly rows: readonly Row[]; readonly ways: readonly BypassWay[] } {
  const asked = process.env['SLUICE_BYPASS'];
  const rows = all.filter((row) => everyWay.some((way) => caseOf(row, way).state !== 'outside'));
  if (full || asked === 'all') return { rows, ways: everyWay };
  if (asked !== undefined) {
    const numbers = new Set(asked.split(',').map(Number));
    return { rows: rows.filter(({ number }) => numbers.has(number)), ways: everyWay };
  }
  const random = randomFor('bypass');
  const order = rows.map((row) => ({ row, at: random.next() })).toSorted((a, b) => a.at - b.at);
  const drawn = order.slice(0, sampled).map(({ row }) => row);
  const way = everyWay[Math.floor(random.next() * everyWay.length)] as BypassWay;
  return { rows: drawn.toSorted((a, b) => a.number - b.number), ways: [way] };
}
