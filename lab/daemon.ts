/** Sluice's daemon on the Docker host: started, asked, stopped and killed. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Status } from '../src/control/protocol.ts';
import type { Cell } from './cell.ts';
import { ended, until } from './exec.ts';
import { callUnix, type UnixCall } from './unix-http.ts';

export interface DaemonOptions {
  /** Arguments behind `sluice run`. */
  readonly args?: readonly string[] | undefined;
  readonly env?: Record<string, string> | undefined;
  /** A command that runs it, e.g. `chrt --fifo 1`. */
  readonly under?: readonly string[] | undefined;
  /** Do not wait until it answers. */
  readonly impatient?: boolean | undefined;
}

export const controlSocket = '/run/sluice/sluice.sock';
const kept = 200_000;

export class Daemon {
  readonly #cell: Cell;
  readonly #process: ChildProcessWithoutNullStreams;
  #log = '';

  private constructor(cell: Cell, process: ChildProcessWithoutNullStreams) {
    this.#cell = cell;
    this.#process = process;
    process.stdin.end();
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.#log = (this.#log + data).slice(-kept);
      });
    }
  }

  /**
   * Starts `command` in `cell`, in a session of its own as a service manager would. Throws with its words when it ends
   * instead of answering.
   */
  static async start(cell: Cell, command: readonly string[], options: DaemonOptions = {}): Promise<Daemon> {
    const daemon = new Daemon(cell, cell.spawn([...(options.under ?? []), 'setsid', ...command], { env: options.env }));
    if (!options.impatient) await daemon.settled();
    return daemon;
  }

  /** What it has printed on both outputs (the last 200,000 characters). */
  get log(): string {
    return this.#log;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Waits until it has a policy in force, and has made the kernel hold it. */
  settled(limit = 30_000): Promise<Status> {
    return until(
      'the daemon at work',
      async () => {
        if (!this.alive) throw new Error(`the daemon has ended: ${this.#log.slice(-3000)}`);
        const status = await this.status().catch(() => undefined);
        // The engine is told of with the first world that stands in the kernel.
        return status?.policy && status.engine ? status : undefined;
      },
      limit,
    );
  }

  /** What its control socket says. */
  async status(): Promise<Status> {
    return (await this.ask('/v1/status')) as Status;
  }

  /** Any call on its control socket. */
  ask(path: string, call: UnixCall = {}): Promise<unknown> {
    return callUnix(this.#cell.path(controlSocket), path, call);
  }

  /** Its process id as the machine numbers it: our entrance's only child, since the launcher becomes the program. */
  get pid(): number {
    const child = this.#child();
    if (child === undefined) throw new Error('the daemon has ended');
    return child;
  }

  #child(): number | undefined {
    const entrance = this.#process.pid;
    const child = Number.parseInt(readFileSync(`/proc/${entrance}/task/${entrance}/children`, 'utf8'), 10);
    return Number.isNaN(child) ? undefined : child;
  }

  /** Sends it a signal; the entrance passes on what can be caught. */
  signal(signal: 'SIGHUP' | 'SIGTERM' | 'SIGINT' | 'SIGUSR1'): void {
    this.#process.kill(signal);
  }

  /** Ends it as systemd would, and waits. Its exit code; null for a signal. */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    return this.#gone('SIGTERM');
  }

  /** SIGKILL, and waits. */
  async kill(): Promise<void> {
    const pid = await until('its process', () => this.#child()); // one that was just started may not be there yet
    process.kill(pid, 'SIGKILL');
    await this.#gone('SIGKILL');
  }

  /** Ends it where it lives. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) await this.stop();
  }

  async #gone(signal: string): Promise<number | null> {
    await until(`the daemon gone after ${signal}`, () => (this.alive ? undefined : true), 30_000);
    return ended(this.#process);
  }

  /** Resident memory in bytes: VmRSS of proc(5). */
  get resident(): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1]) * 1024;
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** What its threads have done: ticks of CPU (1/100 s), and how often one gave the CPU up by itself. */
  get work(): { readonly ticks: number; readonly wakeups: number } {
    const { pid } = this;
    let ticks = 0;
    let wakeups = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const read = (name: string) => readFileSync(`/proc/${pid}/task/${task}/${name}`, 'utf8');
      wakeups += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(read('status'))?.[1] ?? 0);
      const stat = read('stat');
      // Fields 14 and 15, counted after the command's closing parenthesis, which may itself hold spaces.
      const [user, system] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13);
      ticks += Number(user) + Number(system);
    }
    return { ticks, wakeups };
  }
}
