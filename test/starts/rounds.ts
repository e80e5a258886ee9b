/** Starts of containers whose first instruction sends: one after the other, or all at once. */
import type { Site } from '../../lab/site.ts';
import { create, few, finished, outcome, remove, type Start, start } from '../../lab/starters.ts';

/** Rounds that a crowd sends, so that the last of them is heard, too. */
const long = 750;

/** `before` is called before each start, and what came of it goes through `after`. */
export async function oneAfterTheOther<T>(
  site: Site,
  many: number,
  { before, after }: { readonly before: () => void; readonly after: (one: Start) => T },
): Promise<readonly T[]> {
  const starts: T[] = [];
  for (let round = 0; round < many; round++) {
    const [one] = await create(site, 1, few, round);
    if (one === undefined) throw new Error('nothing was created');
    before();
    await start(site, one.id);
    await finished();
    starts.push(after(await outcome(site, one)));
    await remove(site, [one.id]);
  }
  clear(site);
  return starts;
}

export async function atOnce(site: Site, many: number): Promise<readonly Start[]> {
  const created = await create(site, many, long);
  await Promise.all(created.map(({ id }) => start(site, id)));
  await finished(long);
  const starts = await Promise.all(created.map((one) => outcome(site, one)));
  await remove(
    site,
    created.map(({ id }) => id),
  );
  clear(site);
  return starts;
}

/** How many of which the first allowed packet arrived. */
export const atFirst = (starts: readonly Start[]): number => starts.filter(({ first }) => first === 0).length;

/** How many of which the first denied packet arrived. */
export const deniedAtFirst = (starts: readonly Start[]): number =>
  starts.filter(({ denied }) => denied.some(({ n }) => n === 0)).length;

/** Denied packets that arrived. */
export const deniedOf = (starts: readonly Start[]): number =>
  starts.reduce((sum, { denied }) => sum + denied.length, 0);

function clear(site: Site): void {
  for (const place of ['internet', 'private', 'ten'] as const) site.far(place).observer.clear();
}
