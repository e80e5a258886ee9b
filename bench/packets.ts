/** `bench packets`: what a packet and a connection cost on their way out of the host. */
import { type Ground, openGround } from './ground.ts';
import { linearText } from './linear.ts';
import { type BenchOptions, proveArrival, resultTable } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { ourText, Rules } from './rules.ts';
import type { Send } from './worker.ts';

const sizes = [10, 100, 1000] as const;
const destinations = 100;
const linear = [1000, 10_000] as const;

export async function packets({ engine, quick, say }: BenchOptions): Promise<string> {
  await using ground = await openGround(engine, destinations / 2, say);
  const sends = sendersOf(ground);
  // the sender plays all containers but itself, the neighbour too
  const anchor = { ...ground.anchor, real: ground.anchor.real.slice(0, 1) };
  const rules = new Map<string, Rules>();
  for (const workloads of sizes) {
    say(`loading ${workloads} workloads with ${destinations} destinations each`);
    const text = ourText({ workloads, destinations, kind: 'exact' }, anchor);
    rules.set(String(workloads), await Rules.load(ground.host, `w${workloads}`, text));
  }
  for (const count of linear)
    rules.set(`linear ${count}`, await Rules.load(ground.host, `l${count}`, linearText(count)));
  let awake: Rules | undefined;
  let filtered: Parameters<Ground['bridgeNetfilter']>[0] | undefined;
  const enter = async (wanted: Rules | undefined, by: Parameters<Ground['bridgeNetfilter']>[0]) => {
    if (awake !== wanted) {
      await awake?.sleep();
      await wanted?.wake();
      awake = wanted;
    }
    if (filtered !== by) await ground.bridgeNetfilter(by);
    filtered = by;
  };
  say('every flow once, so that conntrack knows them all');
  await enter(undefined, 'nothing');
  for (const [name, send] of sends) if (name.startsWith('spread')) await send(quick ? 500 : 1500);
  await proveArrival('flow without Sluice', sends.get('flow'), ground.arrivedFar);
  for (const workloads of sizes) {
    await enter(rules.get(String(workloads)), 'bridge');
    for (const name of ['flow', `spread ${workloads}`])
      await proveArrival(`${name} through ${workloads} workloads`, sends.get(name), ground.arrivedFar);
  }
  const parts: string[] = [];
  for (const host of quick ? (['nothing'] as const) : (['nothing', 'sysctl'] as const)) {
    say(`br_netfilter ${host === 'sysctl' ? 'on' : 'off'} on the host`);
    const common = new Map([...sends].filter(([name]) => !name.startsWith('spread')));
    const ours = (workloads: number): Configuration => ({
      name: `Sluice, ${workloads} × ${destinations}`,
      sends: new Map([...common, ['spread', sends.get(`spread ${workloads}`) as Send]]),
      enter: () => enter(rules.get(String(workloads)), host === 'sysctl' ? 'sysctl' : 'bridge'),
    });
    const configurations: Configuration[] = [
      { name: 'nothing, again', sends: common, enter: () => enter(undefined, host) },
      ...sizes.map(ours),
      ...linear.map((count) => ({
        name: `linear chain, ${count} rules`,
        sends: common,
        enter: () => enter(rules.get(`linear ${count}`), host),
      })),
    ];
    if (host === 'nothing')
      configurations.push({ name: 'nothing, br_netfilter on', sends: common, enter: () => enter(undefined, 'sysctl') });
    const results = await measurePairs(configurations, {
      rounds: quick ? 5 : 13,
      visit: 30,
      baseline: { enter: () => enter(undefined, host) },
      say,
    });
    parts.push(
      `Against the same host without Sluice, br_netfilter ${host === 'sysctl' ? 'on' : 'off'} (${engine}, nft ${ground.nft}):`,
      resultTable(results),
    );
  }
  return parts.join('\n\n');
}

function sendersOf(ground: Ground): ReadonlyMap<string, Send> {
  return new Map([
    ['flow', ground.flood(1)],
    ...sizes.map((workloads) => [`spread ${workloads}`, ground.flood(workloads)] as const),
    ['connections', ground.connect()],
  ]);
}
