import { setImmediate as nextTurn } from 'node:timers/promises';

/** Milliseconds that long work may keep everything else waiting. */
const slice = 5;

/** Everything of a generator, with a pause for whatever else there is to do after each slice of time. */
export async function inSlices<Item>(work: Iterable<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  await finished(collecting(work, items));
  return items;
}

function* collecting<Item>(work: Iterable<Item>, items: Item[]): Generator<void, void> {
  for (const item of work) {
    items.push(item);
    yield;
  }
}

/** What work comes to that may pause where it yields, with such pauses. */
export async function finished<Result>(work: Generator<unknown, Result>): Promise<Result> {
  for (let since = performance.now(); ; ) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < slice) continue;
    await nextTurn();
    since = performance.now();
  }
}
