import { request } from 'node:http';

/** A GET whose answer is lines without end. */
export interface Subscription {
  readonly socketPath: string;
  readonly path: string;
  /** Milliseconds until the head of the answer; what follows may take for ever. */
  readonly time: number;
  /** Bytes of a line that is kept whole whatever it is. */
  readonly longLine: number;
  /** Whether of a longer one that begins so the two ends are enough. */
  readonly isReadByItsEnds: (beginning: string) => boolean;
  /** Bytes of a line that is kept whole where they are not. */
  readonly longestLine: number;
  /** Bytes of a line until its end is not waited for any more. */
  readonly endlessLine: number;
  readonly onOpen: () => void;
  /** Each line as it comes, without its end. False: no more. */
  readonly onLine: (line: string) => boolean;
  /** Of a line that is longer, its beginning and its end, {@link kept} bytes of each. False: no more. */
  readonly onLong: (beginning: string, end: string) => boolean;
  /** Gives up, without a further call. */
  readonly signal: AbortSignal;
}

const newline = 0x0a;
/** Bytes. */
const kept = 4096;
/**
 * Reads lines on a connection of its own as they come, never waiting: the engine leaves out a subscriber that does not
 * take an event within 100 ms (moby, pubsub).
 *
 * @returns once it has ended, with the reason in words
 */
export function subscribe(subscription: Subscription): Promise<string> {
  const { socketPath, path, time, onOpen, onLine, onLong, signal } = subscription;
  return new Promise((resolve) => {
    const call = request({ agent: false, socketPath, path, headers: { Host: 'docker' }, signal });
    const end = (reason: string) => {
      clearTimeout(timer);
      resolve(reason);
      call.destroy();
    };
    const timer = setTimeout(() => end(`no answer within ${time} ms`), time);
    call.on('error', (error) => end(words(error)));
    call.on('close', () => end('the engine hung up'));
    call.on('response', (answer) => {
      clearTimeout(timer);
      answer.on('error', (error) => end(words(error)));
      if (answer.statusCode !== 200) return end(`the engine refused (${answer.statusCode})`);
      onOpen();
      let ended = false;
      const line = new Line(subscription);
      const take = () => {
        const { whole, beginning, last } = line.take();
        const more = whole === null ? onLong(beginning, last) : onLine(whole);
        ended = !more || signal.aborted;
        if (!more) end('it said something that cannot be read');
      };
      answer.on('data', (chunk: Buffer) => {
        if (ended || signal.aborted) return;
        let from = 0;
        for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
          line.add(chunk.subarray(from, at));
          from = at + 1;
          take();
          if (ended) return;
        }
        line.add(chunk.subarray(from));
        if (line.isEndless) take();
      });
      answer.on('end', () => end('the engine hung up'));
    });
    call.end();
  });
}

type Limits = Pick<Subscription, 'longLine' | 'isReadByItsEnds' | 'longestLine' | 'endlessLine'>;

/** A line while it comes, in the pieces it comes in; of one that is too long the middle is let go. */
class Line {
  readonly #limits: Limits;
  /** Bytes from which on the middle of this one is let go. */
  #most: number;
  #pieces: Buffer[] = [];
  #length = 0;
  #beginning: string | null = null;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#most = limits.longLine;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length <= this.#most) return;
    const all = Buffer.concat(this.#pieces);
    const { longLine, longestLine, isReadByItsEnds } = this.#limits;
    if (this.#most === longLine && this.#beginning === null && !isReadByItsEnds(all.toString('utf8', 0, kept))) {
      this.#most = longestLine;
      this.#pieces = [all];
      if (this.#length <= longestLine) return;
    }
    this.#beginning ??= all.toString('utf8', 0, kept);
    this.#pieces = [Buffer.from(all.subarray(Math.max(0, all.length - kept)))];
  }

  /** Whether nothing that an engine says is so long. */
  get isEndless(): boolean {
    return this.#length > this.#limits.endlessLine;
  }

  /** The line, and what is kept of it where it is too long; from now on the next one. */
  take(): { readonly whole: string | null; readonly beginning: string; readonly last: string } {
    const text = Buffer.concat(this.#pieces).toString();
    const beginning = this.#beginning;
    this.#pieces = [];
    this.#length = 0;
    this.#beginning = null;
    this.#most = this.#limits.longLine;
    return beginning === null ? { whole: text, beginning: '', last: '' } : { whole: null, beginning, last: text };
  }
}

function words(error: Error): string {
  return error.message.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
