import { type ChildProcess, spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { run, until } from '../../lab/exec.ts';
import { type Engine, ensureRoot } from '../../lab/roots.ts';
import type { RunCommand } from '../../src/iptables/command.ts';

/** The real iptables, ipset and ebtables of an engine's root, in a network namespace that ends with it. */
export class RealXtables implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly run: RunCommand;

  private constructor(holder: ChildProcess, root: string) {
    this.#holder = holder;
    const enter = ['nsenter', `--net=/proc/${holder.pid}/ns/net`, 'chroot', root, 'env', 'XTABLES_LOCKFILE=/dev/null'];
    this.run = async (program, args, input) => {
      // what legacy saves it reads in /proc, and a root has none
      if (program.endsWith('legacy-save') && args[0] !== '--version' && !args.includes('-t')) {
        const all = await Promise.all(
          ['raw', 'mangle', 'nat', 'filter', 'security'].map((table) => this.run(program, [...args, '-t', table])),
        );
        return { code: 0, signal: null, stdout: all.map((one) => one?.stdout).join(''), stderr: '' };
      }
      const answer = await run([...enter, program, ...args], { input, env: { TZ: 'UTC', LC_ALL: 'C' } });
      return answer.code === 127 ? null : answer;
    };
  }

  static async open(engine: Engine): Promise<RealXtables> {
    const root = await ensureRoot(engine);
    // cat ends when its input does, and that is this process
    const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ours = await readlink('/proc/self/ns/net');
    await until('a network namespace', async () => {
      if (holder.exitCode !== null) throw new Error('unshare ended: it needs root');
      const theirs = await readlink(`/proc/${holder.pid}/ns/net`);
      return theirs !== ours || undefined;
    });
    return new RealXtables(holder, root);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.once('exit', resolve));
    this.#holder.stdin?.end();
    if (this.#holder.exitCode === null) await ended;
  }
}
