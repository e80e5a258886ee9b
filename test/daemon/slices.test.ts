import { expect, test } from 'vitest';
import { inSlices } from '../../src/daemon/slices.ts';

/** Numbers, each of which takes a millisecond. */
function* laborious(many: number): Generator<number> {
  for (let number = 0; number < many; number++) {
    for (const began = performance.now(); performance.now() - began < 1; );
    yield number;
  }
}

test('long work is done in order, and others have their turns meanwhile', async () => {
  let turns = 0;
  let done = false;
  const other = (): void => {
    turns++;
    if (!done) setImmediate(other);
  };
  setImmediate(other);
  const all = await inSlices(laborious(60));
  done = true;
  expect(all).toEqual(Array.from({ length: 60 }, (_, number) => number));
  expect(turns).toBeGreaterThanOrEqual(8);
});
