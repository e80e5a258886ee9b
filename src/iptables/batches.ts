/** Reading a listing of a hundred thousand lines without keeping everything else waiting meanwhile. */

const size = 256;

/** The lines of a text, some hundreds at a time. */
export function* batchesOf(text: string): Generator<readonly string[]> {
  let lines: string[] = [];
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf('\n', from);
    const end = found < 0 ? text.length : found;
    lines.push(text.slice(from, end));
    from = end + 1;
    if (lines.length < size) continue;
    yield lines;
    lines = [];
  }
  yield lines;
}

/** Work that pauses now and then, done in one go. */
export function atOnce<Result>(work: Generator<unknown, Result>): Result {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}
