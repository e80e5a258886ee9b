import { type ChildProcess, spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { run, until } from '../../lab/exec.ts';
import { type Engine, engines, ensureRoot } from '../../lab/roots.ts';
import type { RunNft } from '../../src/nftables/nft.ts';

export { type Engine, engines };

/** The real nft of an engine's root, in a network namespace of its own that ends with it, or with this process. */
export class RealNft implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly run: RunNft;
  /** Path of its network namespace. */
  readonly net: string;

  private constructor(holder: ChildProcess, root: string) {
    this.#holder = holder;
    this.net = `/proc/${holder.pid}/ns/net`;
    const enter = ['nsenter', `--net=${this.net}`, 'chroot', root, 'nft'];
    this.run = (args, input) => run([...enter, ...args], { input, env: { TZ: 'UTC', LC_ALL: 'C' } });
  }

  static async open(engine: Engine): Promise<RealNft> {
    const root = await ensureRoot(engine);
    // cat ends when its input does, and that is this process
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ours = await readlink('/proc/self/ns/net');
    await until('a network namespace', async () => {
      if (holder.exitCode !== null) throw new Error('unshare ended: it needs root');
      const theirs = await readlink(`/proc/${holder.pid}/ns/net`);
      return theirs !== ours || undefined;
    });
    return new RealNft(holder, root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin?.end();
    if (this.#holder.exitCode === null) await ended;
  }
}
