/** `bench neighbours`: what a packet and a connection cost between two containers on one bridge, by ways to judge them. */
import { openGround } from './ground.ts';
import { liftedText } from './lifted.ts';
import { type BenchOptions, proveArrival, resultTable } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { Rules, textOf } from './rules.ts';
import { port } from './scene.ts';
import { Stage } from './stage.ts';

/** Both may talk to each other, on the bench's port alone. */
const policy = `version: 1
projects:
  bench0:
    allow: none
    services:
      s0: { allow: [{ to: service/s1, ports: ["${port}/tcp", "${port}/udp"] }] }
`;

export async function neighbours({ engine, quick, say }: BenchOptions): Promise<string> {
  await using ground = await openGround(engine, 50, say);
  const { host } = ground;
  const own = await Rules.load(host, 'own', textOf([policy], 2, ground.anchor));
  const lift = await Rules.load(host, 'lift', liftedText(ground.anchor));
  const sends = new Map([
    ['flow', ground.floodNeighbour()],
    ['connections', ground.connectNeighbour()],
  ]);
  const stage = new Stage(ground);
  const configurations: readonly Configuration[] = [
    { name: 'nothing, again', sends, enter: () => stage.set([], 'nothing') },
    { name: 'nothing, br_netfilter on', sends, enter: () => stage.set([], 'sysctl') },
    { name: 'Sluice: judged through br_netfilter', sends, enter: () => stage.set([own], 'bridge') },
    { name: 'Sluice with neighbours lifted to routing', sends, enter: () => stage.set([own, lift], 'nothing') },
  ];
  for (const configuration of configurations) {
    await configuration.enter();
    await proveArrival(configuration.name, sends.get('flow'), ground.arrivedNeighbour);
  }
  const results = await measurePairs(configurations, {
    rounds: quick ? 4 : 15,
    visit: 30,
    baseline: { enter: () => stage.set([], 'nothing') },
    say,
  });
  return `Against the same host without Sluice, br_netfilter off (engine ${engine}, nft ${ground.nft}):\n\n${resultTable(results)}`;
}
