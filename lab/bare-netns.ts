import { type ChildProcess, spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { until } from './exec.ts';

/** A network namespace with nothing in it, for tools that need no host around them. It ends with this process. */
export class BareNetns implements AsyncDisposable {
  readonly #holder: ChildProcess;
  /** Its path, for `nsenter --net=`. */
  readonly path: string;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/ns/net`;
  }

  static async open(): Promise<BareNetns> {
    // cat ends when its input does, and that is this process
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ours = await readlink('/proc/self/ns/net');
    await until('a network namespace', async () => {
      if (holder.exitCode !== null) throw new Error('unshare ended: it needs root');
      const theirs = await readlink(`/proc/${holder.pid}/ns/net`);
      return theirs !== ours || undefined;
    });
    return new BareNetns(holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin?.end();
    if (this.#holder.exitCode === null) await ended;
  }
}
