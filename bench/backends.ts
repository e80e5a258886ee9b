/** `bench backends`: the same policy in nftables and in both variants of iptables, side by side. */
import { removeState } from '../src/iptables/backend.ts';
import { renderXtables } from '../src/iptables/render.ts';
import { toolsOf, variants } from '../src/iptables/tools.ts';
import { type Ground, openGround } from './ground.ts';
import { type BenchOptions, proveArrival, resultTable } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { Rules, rulesetOf, textOfRuleset, type Waking } from './rules.ts';
import { policyTexts } from './scene.ts';
import { Stage } from './stage.ts';
import { markdown } from './table.ts';
import { XRules } from './xtables.ts';

const sizes = [10, 100, 1000] as const;
const destinations = 100;

export async function backends({ engine, quick, say }: BenchOptions): Promise<string> {
  await using ground = await openGround(engine, destinations / 2, say);
  const stage = new Stage(ground);
  const parts: string[] = [];
  const loads: string[][] = [];
  const sends = new Map([
    ['flow', ground.flood(1)],
    ['connections', ground.connect()],
  ]);
  for (const workloads of quick ? sizes.slice(1, 2) : sizes) {
    say(`loading ${workloads} workloads with ${destinations} destinations each`);
    const { rules, took } = await loadAll(ground, workloads);
    loads.push([`${workloads} × ${destinations}`, ...took.map((time) => time.toFixed(0))]);
    const configurations = [...rules].map(
      ([name, one]): Configuration => ({ name, sends, enter: () => stage.set([one], 'bridge') }),
    );
    for (const configuration of configurations) {
      await configuration.enter();
      await proveArrival(`flow by ${configuration.name}, ${workloads} workloads`, sends.get('flow'), ground.arrivedFar);
    }
    const results = await measurePairs(configurations, {
      rounds: quick ? 3 : 13,
      visit: 30,
      baseline: { enter: () => stage.set([], 'nothing') },
      say,
    });
    parts.push(`${workloads} workloads, against the same host without Sluice:`, resultTable(results));
    await stage.set([], 'nothing');
    await unloadAll(ground);
  }
  const head = ['', ...variants.flatMap((variant) => [`iptables-${variant}`, 'again'])];
  return [...parts, 'Milliseconds until the kernel holds it, from empty and once more:', markdown(head, loads)].join(
    '\n\n',
  );
}

interface Loaded {
  readonly rules: ReadonlyMap<string, Waking>;
  readonly took: readonly number[];
}

async function loadAll({ host, anchor }: Ground, workloads: number): Promise<Loaded> {
  // the others are made up, each behind a port of its own that is not there
  const alone = { ...anchor, real: anchor.real.slice(0, 1), onePort: false };
  const ruleset = rulesetOf(policyTexts({ workloads, destinations, kind: 'exact' }), workloads, alone);
  const rules = new Map<string, Waking>();
  const took: number[] = [];
  rules.set('nftables', await Rules.load(host, `b${workloads}`, textOfRuleset(ruleset)));
  const state = renderXtables(ruleset, { plainInterfaces: ['lo'], interfaces: new Map(), security: true });
  for (const variant of variants) {
    const one = await XRules.load(host, variant, state);
    took.push(one.took.empty, one.took.again);
    rules.set(`iptables-${variant}`, one);
  }
  return { rules, took };
}

async function unloadAll({ host }: Ground): Promise<void> {
  const run = (program: string, args: readonly string[], input?: string) =>
    host.run([program, ...args], { input: input ?? '', timeout: 120_000, env: { LC_ALL: 'C', TZ: 'UTC' } });
  for (const variant of variants) await removeState({ run, tools: await toolsOf(variant, run) });
}
