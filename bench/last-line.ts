/** `bench last-line`: what a packet pays for two things that came after its rules: the last line, and chain proven4. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Chain, Rule, Table } from '../src/nftables/model.ts';
import { printTable } from '../src/nftables/print-table.ts';
import { renderRuleset } from '../src/nftables/render.ts';
import { type Ground, openGround } from './ground.ts';
import { type BenchOptions, proveArrival, resultTable } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { Rules, rulesetOf, type Waking } from './rules.ts';
import { policyTexts } from './scene.ts';
import { Stage } from './stage.ts';

const workloads = 100;
const destinations = 100;

export async function lastLine({ engine, quick, say }: BenchOptions): Promise<string> {
  await using ground = await openGround(engine, destinations / 2, say);
  const { host } = ground;
  const anchor = { ...ground.anchor, real: ground.anchor.real.slice(0, 1) };
  const policy = policyTexts({ workloads, destinations, kind: 'exact' });
  const tables = renderRuleset(rulesetOf(policy, workloads, anchor));
  const load = (name: string, its: readonly Table[]) => Rules.load(host, name, its.map(printTable).join('\n'));
  const own = await load('own', tables);
  const unasked = await load('unasked', tables.map(withoutQuestion));
  const unchained = await load('unchained', tables.map(withoutChain));
  using line = new Line(ground);
  const sends = new Map([
    ['flow', ground.flood(1)],
    ['connections', ground.connect()],
  ]);
  const stage = new Stage(ground);
  const of = (name: string, ...rules: readonly Waking[]): Configuration => ({
    name,
    sends,
    enter: () => stage.set(rules, 'bridge'),
  });
  const configurations = [
    of('the same, again', own),
    of('and the last line', own, line),
    of('proven4 without the question for IGMP', unasked),
    of('no chain proven4', unchained),
    of('no rules at all, br_netfilter on'),
  ];
  for (const configuration of configurations) {
    await configuration.enter();
    await proveArrival(configuration.name, sends.get('flow'), ground.arrivedFar);
  }
  const results = await measurePairs(configurations, {
    rounds: quick ? 4 : 31,
    visit: 30,
    baseline: { enter: () => stage.set([own], 'bridge') },
    say,
  });
  return `Against Sluice without a daemon, ${workloads} × ${destinations} (engine ${engine}, nft ${ground.nft}):\n\n${resultTable(results)}`;
}

/** The last line of a daemon, as the daemon makes it. */
class Line implements Waking, Disposable {
  readonly #process;
  readonly #answers: AsyncIterator<string>;
  #words = '';

  constructor({ anchor, host }: Ground) {
    const program = [process.execPath, join(import.meta.dirname, 'last-line-once.ts'), anchor.bridge.name];
    this.#process = spawn('nsenter', [`--net=/proc/${host.cell.pid}/ns/net`, ...program]);
    this.#process.stderr.on('data', (data: Buffer) => {
      this.#words = (this.#words + data).slice(-2000);
    });
    this.#process.stdin.on('error', () => {}); // it has ended; the missing answer tells
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  wake(): Promise<void> {
    return this.#ask('hold');
  }

  sleep(): Promise<void> {
    return this.#ask('let go');
  }

  async #ask(wish: string): Promise<void> {
    this.#process.stdin.write(`${wish}\n`);
    const { value } = await this.#answers.next();
    if (value !== wish) throw new Error(`no last line: ${this.#words}`);
  }

  [Symbol.dispose](): void {
    this.#process.stdin.end();
  }
}

const proven = 'proven4';

/** The chain proves at once. */
function withoutQuestion(table: Table): Table {
  return withChains(table, (chain) => (chain.name === proven ? { ...chain, rules: [proofOf(chain)] } : chain));
}

/** The rule that finds the sender proves it itself. */
function withoutChain(table: Table): Table {
  const chain = table.chains.find(({ name }) => name === proven);
  if (chain === undefined) return table;
  return withChains(table, (one) => ({
    ...one,
    rules: one.rules.map((rule) => (leadsThere(rule) ? [...rule.slice(0, -1), ...proofOf(chain)] : rule)),
  }));
}

const withChains = (table: Table, change: (chain: Chain) => Chain): Table => ({
  ...table,
  chains: table.chains.map(change),
});

function proofOf({ name, rules }: Chain): Rule {
  const last = rules.at(-1);
  if (last === undefined) throw new Error(`chain ${name} is empty`);
  return last;
}

function leadsThere(rule: Rule): boolean {
  const last = rule.at(-1);
  return last?.kind === 'verdict' && last.verdict.kind === 'goto' && last.verdict.chain === proven;
}
