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
 * numbers in `SLUICE_BYPASS`, as `22,26`, those; else the seed draws a few of the rows that the scorecard tells of, on one
 * engine with one backend.
 *
 * @param found what whole runs found, by {@link placeOf}; a row that none has tried is for a whole run to begin with
 */
export function selection(
  all: readonly Row[],
  found: ReadonlyMap<string, unknown>,
): { readonly rows: readonly Row[]; readonly ways: readonly BypassWay[] } {
  const asked = process.env['SLUICE_BYPASS'];
  const rows = all.filter((row) => everyWay.some((way) => caseOf(row, way).state !== 'outside'));
  if (full || asked === 'all') return { rows, ways: everyWay };
  if (asked !== undefined) {
    const numbers = new Set(asked.split(',').map(Number));
    return { rows: rows.filter(({ number }) => numbers.has(number)), ways: everyWay };
  }
  return sample(rows, found);
}

function sample(
  rows: readonly Row[],
  found: ReadonlyMap<string, unknown>,
): { readonly rows: readonly Row[]; readonly ways: readonly BypassWay[] } {
  const random = randomFor('bypass');
  const triedOn = (way: BypassWay) => rows.filter(({ number }) => found.has(placeOf(number, way)));
  const way = random.pick(everyWay.filter((one) => triedOn(one).length >= sampled));
  if (way === undefined) throw new Error('docs/bypass.json has nothing to sample: run SLUICE_BYPASS=all');
  const order = triedOn(way)
    .map((row) => ({ row, at: random.next() }))
    .toSorted((a, b) => a.at - b.at);
  const drawn = order.slice(0, sampled).map(({ row }) => row);
  return { rows: drawn.toSorted((a, b) => a.number - b.number), ways: [way] };
}

/** A row on an engine with a backend: `26 28.5 iptables`. */
export function placeOf(number: number | string, { engine, backend }: Record<keyof BypassWay, string>): string {
  return `${number} ${engine} ${backend}`;
}
