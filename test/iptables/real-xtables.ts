import { BareNetns } from '../../lab/bare-netns.ts';
import { run } from '../../lab/exec.ts';
import { type Engine, ensureRoot } from '../../lab/roots.ts';
import type { RunCommand } from '../../src/iptables/command.ts';

/** The real iptables, ipset and ebtables of an engine's root, in a network namespace that ends with it. */
export class RealXtables implements AsyncDisposable {
  readonly #netns: BareNetns;
  readonly run: RunCommand;

  private constructor(netns: BareNetns, root: string) {
    this.#netns = netns;
    const enter = ['nsenter', `--net=${netns.path}`, 'chroot', root, 'env', 'XTABLES_LOCKFILE=/dev/null'];
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
    return new RealXtables(await BareNetns.open(), root);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#netns[Symbol.asyncDispose]();
  }
}
