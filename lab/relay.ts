/**
 * A socket between Sluice and the engine: what the engine itself cannot be made to do, it does. Whoever talks through it
 * can be cut off in the middle of an event stream, and find no engine while the engine lives.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Cell } from './cell.ts';

const engineSocket = '/run/docker.sock';
const relaySocket = '/run/relay.sock';

/** Something that was passed on. `t`: microseconds since the epoch; `line`: a request's first line, of answers empty. */
export interface Passed {
  readonly t: number;
  readonly connection: number;
  readonly from: 'client' | 'engine';
  readonly line: string;
}

export class EngineRelay {
  /** For DOCKER_HOST and `--host`. */
  readonly address = `unix://${relaySocket}`;
  /** What was passed on, oldest first, where that was asked for. */
  readonly passed: Passed[] = [];
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: (() => void)[] = [];

  private constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process;
    process.stdin.on('error', () => {});
    process.stderr.resume();
    createInterface({ input: process.stdout }).on('line', (line) => {
      const told = JSON.parse(line) as Passed | { readonly done: string };
      if ('done' in told) this.#waiting.shift()?.();
      else this.passed.push(told);
    });
  }

  /** Opens the relay on a Docker host. `log`: write down what is passed on; `under`: a program that runs it. */
  static async open(cell: Cell, log = false, under: readonly string[] = []): Promise<EngineRelay> {
    const command = [...under, '/run/labtool', 'relay', relaySocket, engineSocket, ...(log ? ['--log'] : [])];
    const relay = new EngineRelay(cell.spawn(command));
    await relay.#done();
    return relay;
  }

  /** Ends every connection that stands, and goes on listening. */
  cut(): Promise<void> {
    return this.#say('cut');
  }

  /** Ends every connection and takes the socket away. */
  hide(): Promise<void> {
    return this.#say('hide');
  }

  show(): Promise<void> {
    return this.#say('show');
  }

  #say(word: string): Promise<void> {
    this.#process.stdin.write(`${word}\n`);
    return this.#done();
  }

  #done(): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error('the relay has ended'));
      if (this.#process.exitCode !== null) return fail();
      this.#process.once('exit', fail);
      this.#waiting.push(() => {
        this.#process.off('exit', fail);
        resolve();
      });
    });
  }
}
