/** `bench daemon`: what the daemon costs while nothing happens, and how long it takes to another policy. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Daemon } from '../lab/daemon.ts';
import { until } from '../lab/exec.ts';
import { firstImage } from '../lab/first.ts';
import type { Engine } from '../lab/roots.ts';
import { openSite } from '../lab/site.ts';
import { makeNetwork } from '../lab/starters.ts';
import { createLoad, writeLoadPolicy } from './load.ts';
import type { BenchOptions } from './measured.ts';
import { quantile } from './pairs.ts';
import { markdown } from './table.ts';

/** Milliseconds until what its beginning left is given back: 15 s of calm, and V8 keeps emptied pages some seconds more. */
const settling = 40_000;

export async function daemon({ engine, quick, workloads: sizes, say }: BenchOptions): Promise<string> {
  const rows: string[][] = [];
  for (const workloads of sizes.length > 0 ? sizes : quick ? [3, 10, 100] : [3, 10, 100, 1000]) {
    say(`${workloads} workloads`);
    rows.push([`${workloads} × 100`, ...(await measure(engine, workloads, quick, say))]);
  }
  const head = ['workloads × destinations', 'memory, MiB', 'CPU, ms a minute', 'wakeups a minute'];
  return [
    `The idle daemon, engine ${engine}; "reload" is from SIGHUP until the kernel holds the new policy, in ms. ` +
      '"a little" changes one destination, "everything" all of them:',
    markdown([...head, 'reload of a little', 'reload of everything'], rows),
  ].join('\n\n');
}

async function measure(engine: Engine, workloads: number, quick: boolean, say: BenchOptions['say']): Promise<string[]> {
  await using site = await openSite({ engine });
  await site.host.image(firstImage);
  await makeNetwork(site);
  await createLoad(site, workloads);
  writeLoadPolicy(site, workloads);
  const running = await site.host.daemon();
  await sleep(settling);
  const seconds = quick ? 10 : 60;
  const before = running.work;
  await sleep(seconds * 1000);
  const after = running.work;
  const perMinute = (value: number) => ((value * 60) / seconds).toFixed(0);
  const idle = [
    (running.resident / 2 ** 20).toFixed(0),
    perMinute((after.ticks - before.ticks) * 10),
    perMinute(after.wakeups - before.wakeups),
  ];
  const little: number[] = [];
  const everything: number[] = [];
  for (let round = 0; round < (quick ? 2 : 5); round++) {
    const port = 8000 + round - 1; // that of the round before
    const also = `10.0.0.${round}`;
    little.push(await reload(running, () => writeLoadPolicy(site, workloads, round === 0 ? { also } : { also, port })));
    everything.push(await reload(running, () => writeLoadPolicy(site, workloads, { port: 8000 + round })));
  }
  const each = [little, everything].map((times) => times.map((time) => time.toFixed(0)).join(', '));
  say(`reloads, ms: of a little ${each[0]}; of everything ${each[1]}`);
  return [...idle, ...[little, everything].map((times) => quantile(times, 0.5).toFixed(0))];
}

/** Milliseconds until the daemon says that the kernel holds another policy: to ask it all the time would be work beside. */
async function reload(running: Daemon, write: () => void): Promise<number> {
  const count = () => running.log.split('is in force').length;
  const before = count();
  write();
  const started = performance.now();
  running.signal('SIGHUP');
  await until('another policy', async () => (count() > before ? true : undefined), 60_000, 5);
  return performance.now() - started;
}
