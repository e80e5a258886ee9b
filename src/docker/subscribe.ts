import { request } from 'node:http';

/** A GET whose answer is lines without end. */
export interface Subscription {
  readonly socketPath: string;
  readonly path: string;
  /** Milliseconds until the head of the answer; what follows may take for ever. */
  readonly time: number;
  /** Bytes of one line at most. */
  readonly longestLine: number;
  readonly onOpen: () => void;
  /** Each line as it comes, without its end; null for one that is too long. False: no more. */
  readonly onLine: (line: string | null) => boolean;
  /** Gives up, without a further call. */
  readonly signal: AbortSignal;
}

const newline = 0x0a;

/**
 * Reads lines on a connection of its own as they come, never waiting: the engine leaves out a subscriber that does not
 * take an event within 100 ms (moby, pubsub).
 *
 * @returns once it has ended, with the reason in words
 */
export function subscribe(subscription: Subscription): Promise<string> {
  const { socketPath, path, time, longestLine, onOpen, onLine, signal } = subscription;
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
      let rest = Buffer.alloc(0);
      const take = (line: Buffer) => {
        const more = onLine(line.length > longestLine ? null : line.toString());
        ended = !more || signal.aborted;
        if (!more) end('it said something that cannot be read');
      };
      answer.on('data', (chunk: Buffer) => {
        if (ended || signal.aborted) return;
        let from = 0;
        for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
          const line = Buffer.concat([rest, chunk.subarray(from, at)]);
          rest = Buffer.alloc(0);
          from = at + 1;
          take(line);
          if (ended) return;
        }
        rest = Buffer.concat([rest, chunk.subarray(from)]);
        if (rest.length > longestLine) take(rest);
      });
      answer.on('end', () => end('the engine hung up'));
    });
    call.end();
  });
}

function words(error: Error): string {
  return error.message.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
}
