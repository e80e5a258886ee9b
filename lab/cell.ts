/** A cell: a root file system in namespaces of its own (mount, PID, UTS, IPC, network, cgroup), entered from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { cacheDir, ownTag } from './cache.ts';
import { ended, type Finished, failure, must, plainEnv, type RunOptions, run } from './exec.ts';
import type { Tools } from './tools.ts';

/** Where in the cell a command runs. */
export interface Place {
  /** A network under the cell's /run/netns instead of its own. */
  netns?: string | undefined;
  /** Working directory, `/` unless told. */
  cwd?: string | undefined;
}

/** The prefix of every cgroup the lab makes at the machine's cgroup v2 root; then the owner's tag and a number. */
export const cgroupPrefix = 'sluice-lab.';
let made = 0;

export class Cell {
  readonly name: string;
  /** The cell's PID 1, as the machine numbers it. */
  readonly pid: number;
  readonly tools: Tools;
  readonly #holder: ChildProcess;

  private constructor(name: string, pid: number, tools: Tools, holder: ChildProcess) {
    this.name = name;
    this.pid = pid;
    this.tools = tools;
    this.#holder = holder;
  }

  /** Opens a cell on the root folder `root`, which stays clean: writes go to memory. */
  static async open(root: string, hostname: string, tools: Tools): Promise<Cell> {
    const name = `${cgroupPrefix}${ownTag()}.${++made}`;
    const holder = spawn(tools.labtool, ['cell', root, cacheDir('cell'), name, hostname], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: plainEnv,
    });
    let words = '';
    holder.stderr.on('data', (data: Buffer) => {
      words += data;
    });
    let pid = 0;
    for await (const line of createInterface({ input: holder.stdout })) {
      if (line.startsWith('pid ')) pid = Number(line.slice(4));
      if (line === 'ready') {
        holder.unref();
        return new Cell(name, pid, tools, holder);
      }
    }
    await ended(holder);
    throw new Error(`no cell ${hostname}: ${words.trim()}`);
  }

  /** The argument vector that runs `command` in the cell, for whoever starts it from the machine. */
  enter(command: readonly string[], place: Place = {}): string[] {
    const where = place.netns === undefined ? [] : ['--netns', place.netns];
    const cwd = place.cwd === undefined ? [] : ['--cwd', place.cwd];
    return [this.tools.labtool, 'enter', String(this.pid), ...where, ...cwd, '--', ...command];
  }

  /** Runs a command in the cell to its end. */
  run(command: readonly string[], options: RunOptions & Place = {}): Promise<Finished> {
    return run(this.enter(command, options), options);
  }

  /** Like run, but throws when the command ends badly. Returns its standard output. */
  async must(command: readonly string[], options: RunOptions & Place = {}): Promise<string> {
    const done = await this.run(command, options);
    if (done.code !== 0) throw failure(command, done);
    return done.stdout;
  }

  /** Starts a command in the cell; it ends with the cell at the latest. All three streams are pipes. */
  spawn(command: readonly string[], options: Place & { env?: Record<string, string> | undefined } = {}) {
    const [first, ...rest] = this.enter(command, options);
    return spawn(first as string, rest, { stdio: 'pipe', env: { ...plainEnv, ...options.env } });
  }

  /** Runs one of the machine's own programs (ip) in the cell's network alone. */
  net(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return must([this.tools.labtool, 'enter', String(this.pid), '--net-only', '--', ...command], options);
  }

  /** The machine's path of a file in the cell. Beware of absolute symbolic links on the way. */
  path(inside: string): string {
    return `/proc/${this.pid}/root${inside}`;
  }

  /** Writes a file in the cell, with the folders on its way. */
  write(inside: string, text: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(this.path(inside)), { recursive: true });
    writeFileSync(this.path(inside), text, { mode });
  }

  /** Reads a file of the cell. */
  read(inside: string): string {
    return readFileSync(this.path(inside), 'utf8');
  }

  /** Shows a file or folder of the machine inside the cell, read-only unless told. */
  async bind(source: string, inside: string, mode: 'ro' | 'rw' = 'ro'): Promise<void> {
    await must([this.tools.labtool, 'bind', String(this.pid), source, inside, mode]);
  }

  /** Sets kernel keys of the cell's network, e.g. `net.ipv4.ip_forward`. */
  async sysctl(values: Record<string, string | number>, place: Place = {}): Promise<void> {
    const pairs = Object.entries(values).map(([key, value]) => `${key}=${value}`);
    await this.must(['/run/labtool', 'sysctl', ...pairs], place);
  }

  /** Ends everything in the cell. */
  async stop(): Promise<void> {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // already gone
    }
    this.#holder.ref();
    await ended(this.#holder);
  }
}
