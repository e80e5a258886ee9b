/** A sender that sleeps until it is asked for a visit, so that nothing but sending is measured. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What one visit came to. A piece is a packet or a connection. */
export interface Visit {
  /** Nanoseconds per piece in the fastest tenth of the visit's slices, at its slow end. */
  readonly ns: number;
  readonly pieces: number;
}

/** Sends for so many milliseconds. */
export type Send = (milliseconds: number) => Promise<Visit>;

/** Talks to a `rate send` or `rate connect`; fails a visit in which anything failed. */
export function sendingBy(child: ChildProcessWithoutNullStreams, name: string): Send {
  let words = '';
  child.stderr.on('data', (data: Buffer) => {
    words = (words + data).slice(-2000);
  });
  child.stdin.on('error', () => {}); // it has ended; the missing answer tells
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async (milliseconds) => {
    child.stdin.write(`go ${milliseconds}\n`);
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${name} has ended: ${words.trim()}`);
    const answer = JSON.parse(value) as { pieces: number; errors: number; ns: number };
    if (answer.errors > 0 || answer.pieces === 0)
      throw new Error(`${name}: ${answer.errors} of ${answer.errors + answer.pieces} did not get through`);
    return answer;
  };
}
