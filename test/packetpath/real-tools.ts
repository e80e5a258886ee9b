import { type ChildProcess, spawn } from 'node:child_process';
import { readlink } from 'node:fs/promises';
import { type Finished, run, until } from '../../lab/exec.ts';
import { type Engine, ensureRoot } from '../../lab/roots.ts';

/** The programs of an engine's root, in namespaces of their own that end with this process. */
export class RealTools {
  readonly #holder: ChildProcess;
  readonly #root: string;

  private constructor(holder: ChildProcess, root: string) {
    this.#holder = holder;
    this.#root = root;
  }

  static async open(engine: Engine): Promise<RealTools> {
    const root = await ensureRoot(engine);
    // iptables-legacy-save looks into /proc for the tables there are
    const holder = spawn(
      'unshare',
      ['--net', '--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec cat', root],
      {
        stdio: ['pipe', 'ignore', 'inherit'],
      },
    );
    const ours = await readlink('/proc/self/ns/net');
    const tools = new RealTools(holder, root);
    await until('the namespaces', async () => {
      if (holder.exitCode !== null) throw new Error('unshare ended: it needs root');
      if ((await readlink(`/proc/${holder.pid}/ns/net`)) === ours) return undefined;
      return (await tools.run('cat', ['/proc/self/stat'])).code === 0 || undefined;
    });
    return tools;
  }

  run(program: string, args: readonly string[], input?: string): Promise<Finished> {
    const enter = ['nsenter', `--net=/proc/${this.#holder.pid}/ns/net`, `--mount=/proc/${this.#holder.pid}/ns/mnt`];
    return run([...enter, 'chroot', this.#root, program, ...args], { input, env: { TZ: 'UTC', LC_ALL: 'C' } });
  }

  async must(program: string, args: readonly string[], input?: string): Promise<string> {
    const done = await this.run(program, args, input);
    if (done.code !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}\n${input ?? ''}`);
    return done.stdout;
  }

  close(): void {
    this.#holder.stdin?.end();
  }
}
