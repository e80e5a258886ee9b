import { Agent, type IncomingMessage, request } from 'node:http';
import { EngineError } from './engine-error.ts';

/** An answer of the engine, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface GetOptions {
  /** Milliseconds from asking to the last byte. */
  readonly time: number;
  /** Milliseconds without a byte, if less than the whole time. */
  readonly silence?: number;
  /** Bytes of body at most. */
  readonly size: number;
  /** Takes the body of an answer of status 200 in the pieces it comes in: it is not among the answer then. */
  readonly onPiece?: (piece: Buffer) => void;
}

/** One GET to the engine. Throws EngineError: `unreachable`, or `malformed` for what is not HTTP or too large. */
export type Get = (path: string, options: GetOptions) => Promise<HttpAnswer>;

/** GETs over the engine's unix socket, as many at once as are asked; connections are kept for the next. */
export function unixGet(socketPath: string): Get {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity, timeout: 60_000 });
  return (path, { time, silence = time, size, onPiece }) =>
    new Promise((resolve, reject) => {
      let late = 0;
      const fail = (error: Error) => reject(late > 0 ? tooLate(path, late) : explain(error, socketPath, path));
      const call = request({ agent, socketPath, path, method: 'GET', headers: { Host: 'docker' } }, (answer) => {
        const chunks: Buffer[] = [];
        let length = 0;
        const take =
          answer.statusCode === 200 && onPiece !== undefined ? onPiece : (chunk: Buffer) => chunks.push(chunk);
        answer.on('data', (chunk: Buffer) => {
          quiet.refresh();
          length += chunk.length;
          if (length <= size) {
            take(chunk);
            return;
          }
          reject(new EngineError('malformed', tooLarge(path, size))); // now: what is left may hold the proper end
          call.destroy();
        });
        answer.on('error', fail);
        answer.on('end', () => {
          clear();
          if (answer.complete)
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) });
          else fail(new Error('the answer was cut off'));
        });
      });
      const giveUp = (after: number) => {
        late = after;
        call.destroy();
      };
      const quiet = setTimeout(giveUp, silence, silence);
      const whole = setTimeout(giveUp, time, time);
      const clear = () => {
        clearTimeout(quiet);
        clearTimeout(whole);
      };
      call.on('error', fail);
      call.on('close', () => {
        clear();
        fail(new Error('the answer was cut off')); // after an answer or an error this changes nothing
      });
      call.end();
    });
}

function tooLate(path: string, after: number): EngineError {
  return new EngineError(
    'unreachable',
    `the engine did not answer ${path} within ${after} ms: look at "docker ps" and the engine's log`,
  );
}

function tooLarge(path: string, size: number): string {
  return `the engine's answer to ${path} is longer than ${size} bytes: is it a Docker Engine that listens there?`;
}

function explain(error: NodeJS.ErrnoException, socketPath: string, path: string): EngineError {
  if (error instanceof EngineError) return error;
  const place = JSON.stringify(socketPath);
  switch (error.code) {
    case 'ENOENT':
      return new EngineError(
        'unreachable',
        `there is no engine at ${place}: is Docker installed and running (systemctl status docker)?`,
      );
    case 'EACCES':
    case 'EPERM':
      return new EngineError('unreachable', `no permission for the engine at ${place}: run as root`);
    case 'ECONNREFUSED':
      return new EngineError('unreachable', `nobody listens at ${place}: start the engine (systemctl start docker)`);
    default: {
      if (error.code?.startsWith('HPE_'))
        return new EngineError(
          'malformed',
          `what listens at ${place} does not speak HTTP (${error.code}): is it a Docker Engine?`,
        );
      const words = error.message.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 200);
      return new EngineError(
        'unreachable',
        `the engine at ${place} broke off at ${path}: ${words}; look at the engine's log`,
      );
    }
  }
}
