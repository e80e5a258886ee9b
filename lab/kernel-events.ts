/** What the kernel of a Docker host tells of links and nf_tables, written down with times by a process of our own. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Cell } from './cell.ts';

/** `t`: microseconds since the epoch when it came. */
export type KernelEvent =
  | { readonly t: number; readonly what: 'link'; there: boolean; index: number; name: string; master: number }
  /** `process` and `name`: who committed, as NEWGEN tells. */
  | { readonly t: number; readonly what: 'commit'; generation: number; process: number; name: string }
  /** `elements`: the netlink attributes in hexadecimal, keys in the network's byte order among them. */
  | { readonly t: number; readonly what: 'newelement' | 'delelement'; set: string; elements: string }
  | { readonly t: number; readonly what: 'lost' | `${'new' | 'del'}${'table' | 'chain' | 'rule' | 'set'}` };

export class KernelEvents {
  /** Oldest first. */
  readonly events: KernelEvent[] = [];
  readonly #process: ChildProcessWithoutNullStreams;

  private constructor(process: ChildProcessWithoutNullStreams) {
    this.#process = process;
  }

  /** Follows the kernel in the cell's network from now on. `under`: a program that runs what follows. */
  static async follow(cell: Cell, under: readonly string[] = []): Promise<KernelEvents> {
    const follower = new KernelEvents(cell.spawn([...under, '/run/labtool', 'events']));
    const { stdout, stderr } = follower.#process;
    let words = '';
    stderr.on('data', (data: Buffer) => {
      words += data;
    });
    await new Promise<void>((resolve, reject) => {
      follower.#process.once('exit', () => reject(new Error(`labtool events: ${words.trim()}`)));
      createInterface({ input: stdout }).on('line', (line) => {
        if (line === '{"ready":true}') resolve();
        else follower.events.push(JSON.parse(line) as KernelEvent);
      });
    });
    return follower;
  }

  /** Forgets what came so far. */
  clear(): void {
    this.events.length = 0;
  }

  stop(): void {
    this.#process.stdin.end();
    this.#process.kill('SIGKILL');
  }
}
