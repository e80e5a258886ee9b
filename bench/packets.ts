/** `bench packets`: what a packet and a connection cost on their way out of the host. */
import { type Ground, openGround } from './ground.ts';
import { liftedText } from './lifted.ts';
import { linearText } from './linear.ts';
import { type BenchOptions, proveArrival, resultTable } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { ourText, Rules } from './rules.ts';
import { type Filtered, Stage } from './stage.ts';
import type { Send } from './worker.ts';

const sizes = [10, 100, 1000] as const;
const destinations = 100;
const linear = [1000, 10_000] as const;

export async function packets({ engine, quick, say }: BenchOptions): Promise<string> {
  await using ground = await openGround(engine, destinations / 2, say);
  const loaded = await loadAll(ground, say);
  const senders = {
    flow: ground.flood(1),
    connections: ground.connect(),
    spread: new Map(sizes.map((workloads) => [workloads, ground.flood(workloads)])),
  };
  const stage = new Stage(ground);
  await meetConntrack(stage, senders, quick, say);
  await proveArrivals(ground, stage, loaded, senders);
  const parts: string[] = [];
  for (const host of quick ? (['nothing'] as const) : (['nothing', 'sysctl'] as const)) {
    const filtered = `br_netfilter ${host === 'sysctl' ? 'on' : 'off'}`;
    say(filtered);
    const results = await measurePairs(configurationsOn(host, stage, loaded, senders), {
      rounds: quick ? 3 : 13,
      visit: 30,
      baseline: { enter: () => stage.set([], host) },
      say,
    });
    parts.push(
      `Against the same host without Sluice, ${filtered} (engine ${engine}, nft ${ground.nft}):`,
      resultTable(results),
    );
  }
  return parts.join('\n\n');
}

interface Senders {
  /** One UDP flow of the first workload. */
  readonly flow: Send;
  readonly connections: Send;
  /** Any workload to any of its own UDP destinations, by how many workloads there are. */
  readonly spread: ReadonlyMap<number, Send>;
}

interface Loaded {
  readonly ours: ReadonlyMap<number, Rules>;
  readonly linear: ReadonlyMap<number, Rules>;
  readonly lift: Rules;
}

async function loadAll({ host, anchor }: Ground, say: (text: string) => void): Promise<Loaded> {
  const ours = new Map<number, Rules>();
  const chains = new Map<number, Rules>();
  // the sender plays all containers but itself, the neighbour too
  const alone = { ...anchor, real: anchor.real.slice(0, 1) };
  for (const workloads of sizes) {
    say(`loading ${workloads} workloads with ${destinations} destinations each`);
    const text = ourText({ workloads, destinations, kind: 'exact' }, alone);
    ours.set(workloads, await Rules.load(host, `w${workloads}`, text));
  }
  for (const rules of linear) chains.set(rules, await Rules.load(host, `l${rules}`, linearText(rules)));
  return { ours, linear: chains, lift: await Rules.load(host, 'lift', liftedText(anchor)) };
}

/** Sends every flow once, so that conntrack knows them all whoever is measured first. */
async function meetConntrack(stage: Stage, senders: Senders, quick: boolean, say: (text: string) => void) {
  say('every flow once');
  await stage.set([], 'nothing');
  for (const send of senders.spread.values()) await send(quick ? 500 : 1500);
}

async function proveArrivals(ground: Ground, stage: Stage, loaded: Loaded, senders: Senders): Promise<void> {
  await proveArrival('flow without Sluice', senders.flow, ground.arrivedFar);
  for (const [workloads, rules] of loaded.ours) {
    await stage.set([rules], 'bridge');
    await proveArrival(`flow through ${workloads} workloads`, senders.flow, ground.arrivedFar);
    await proveArrival(`spread over ${workloads} workloads`, senders.spread.get(workloads), ground.arrivedFar);
  }
}

function configurationsOn(
  host: Exclude<Filtered, 'bridge'>,
  stage: Stage,
  loaded: Loaded,
  senders: Senders,
): readonly Configuration[] {
  const own = host === 'sysctl' ? 'sysctl' : 'bridge';
  const common = [
    ['flow', senders.flow],
    ['connections', senders.connections],
  ] as const;
  const of = (name: string, rules: readonly Rules[], filtered: Filtered): Configuration => ({
    name,
    sends: new Map(common),
    enter: () => stage.set(rules, filtered),
  });
  const ours = [...loaded.ours].map(([workloads, rules]): Configuration => {
    const spread = senders.spread.get(workloads);
    const configuration = of(`Sluice, ${workloads} × ${destinations}`, [rules], own);
    return spread === undefined ? configuration : { ...configuration, sends: new Map([...common, ['spread', spread]]) };
  });
  const chains = [...loaded.linear].map(([rules, chain]) => of(`linear chain, ${rules} rules`, [chain], host));
  const some = loaded.ours.get(100) as Rules;
  return [
    of('nothing, again', [], host),
    ...ours,
    ...chains,
    ...(host === 'sysctl'
      ? []
      : [
          of('nothing, br_netfilter on', [], 'sysctl'),
          of('Sluice, 100 × 100, br_netfilter off', [some], 'nothing'),
          of('Sluice, 100 × 100, neighbours lifted', [some, loaded.lift], 'nothing'),
        ]),
  ];
}
