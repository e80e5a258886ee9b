import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds that long work may keep everything else waiting. */
const slice = 5;

/** Everything of a generator, with a pause for whatever else there is to do after each slice of time. */
export async function inSlices<Item>(work: Iterable<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  let since = performance.now();
  for (const item of work) {
    items.push(item);
    if (performance.now() - since < slice) continue;
    await nextTurn();
    since = performance.now();
  }
  return items;
}
