/** Rules in iptables that are put to sleep and woken: everything stays loaded, and only the jumps to it come and go. */
import type { Host } from '../lab/host.ts';
import { families } from '../src/ip/address.ts';
import { applyState } from '../src/iptables/backend.ts';
import { must, type RunCommand } from '../src/iptables/command.ts';
import type { XState } from '../src/iptables/model.ts';
import { type Tools, toolsOf, type Variant } from '../src/iptables/tools.ts';
import type { Waking } from './rules.ts';

export class XRules implements Waking {
  readonly #run: RunCommand;
  readonly #tools: Tools;
  readonly #state: XState;
  /** Milliseconds that it took to load them, and to load them once more. */
  readonly took: { readonly empty: number; readonly again: number };

  private constructor(run: RunCommand, tools: Tools, state: XState, took: XRules['took']) {
    this.#run = run;
    this.#tools = tools;
    this.#state = state;
    this.took = took;
  }

  static async load(host: Host, variant: Variant, state: XState): Promise<XRules> {
    const run: RunCommand = (program, args, input) =>
      host.run([program, ...args], { input: input ?? '', timeout: 120_000, env: { LC_ALL: 'C', TZ: 'UTC' } });
    const tools = await toolsOf(variant, run);
    const timed = async () => {
      const start = performance.now();
      await applyState(state, { run, tools });
      return performance.now() - start;
    };
    const took = { empty: await timed(), again: await timed() };
    const rules = new XRules(run, tools, state, took);
    await rules.sleep();
    return rules;
  }

  async wake(): Promise<void> {
    await this.#bridge((hook, chain) => `-I ${hook} -j ${chain}`);
    await this.#inet((hook, chain) => `-I ${hook} 1 -j ${chain}`);
  }

  async sleep(): Promise<void> {
    await this.#inet((hook, chain) => `-D ${hook} -j ${chain}`);
    await this.#bridge((hook, chain) => `-D ${hook} -j ${chain}`);
  }

  async #inet(line: (hook: string, chain: string) => string): Promise<void> {
    for (const family of families) {
      const text = this.#state.tables[family].map(({ name, jumps }) => block(name, jumps, line)).join('');
      await must(this.#run, this.#tools.restore[family], ['--noflush'], text);
    }
  }

  async #bridge(line: (hook: string, chain: string) => string): Promise<void> {
    const text = this.#state.bridge.map(({ name, jumps }) => block(name, jumps, line)).join('');
    await must(this.#run, this.#tools.ebtables.restore, ['--noflush'], text);
  }
}

function block(
  table: string,
  jumps: readonly { readonly hook: string; readonly chain: string }[],
  line: (hook: string, chain: string) => string,
): string {
  return [`*${table}`, ...jumps.map(({ hook, chain }) => line(hook, chain)), 'COMMIT', ''].join('\n');
}
