/** `bench newcomers`: how long it takes until a container that is being started may send, by how many others there are. */
import { setTimeout as sleep } from 'node:timers/promises';
import { firstImage } from '../lab/first.ts';
import { KernelEvents } from '../lab/kernel-events.ts';
import { EngineRelay } from '../lab/relay.ts';
import type { Engine } from '../lab/roots.ts';
import { openSite } from '../lab/site.ts';
import { create, finished, keyOf, makeNetwork, outcome, remove, start } from '../lab/starters.ts';
import type { Status } from '../src/control/protocol.ts';
import { createLoad, writeLoadPolicy } from './load.ts';
import { type BenchOptions, undisturbed } from './measured.ts';
import { quantile } from './pairs.ts';
import { markdown } from './table.ts';

/** Before the daemon on its CPU: whoever writes down when something happened must not do so late. */
const atOnce = ['chrt', '--fifo', '2'];

/** Milliseconds of one start. */
interface Newcomer {
  /** From the kernel's word that the veth has joined to its elements. */
  readonly whole: number;
  /** From the last word of the kernel about the port, or of the engine about its network, to the elements. */
  readonly own: number;
  /** From the elements to the container's first instruction. */
  readonly lead: number;
}

export async function newcomers({ engine, quick, workloads: sizes, say }: BenchOptions): Promise<string> {
  const rows: string[][] = [];
  for (const workloads of sizes.length > 0 ? sizes : quick ? [10, 100] : [10, 100, 1000]) {
    say(`${workloads} workloads`);
    const { measured, pauses } = await measure(engine, workloads, quick ? 15 : 200);
    const of = (value: (one: Newcomer) => number, share: number) => quantile(measured.map(value), share).toFixed(2);
    rows.push([
      `${workloads} × 100`,
      String(measured.length),
      of(({ own }) => own, 0.5),
      of(({ own }) => own, 0.99),
      of(({ whole }) => whole, 0.5),
      of(({ whole }) => whole, 0.99),
      of(({ lead }) => lead, 0),
      of(({ lead }) => lead, 0.5),
      pauses.guard.toFixed(1),
      pauses.main.toFixed(1),
    ]);
  }
  const head = ['workloads × destinations', 'starts', 'own, median', 'own, p99', 'whole, median', 'whole, p99'];
  return [
    `Milliseconds, engine ${engine}; "own" is from the last word about the newcomer, of the kernel or of the engine, to the ` +
      'elements:',
    markdown(
      [...head, 'least before the first instruction', 'median', 'longest turn of the guard', 'of the main thread'],
      rows,
    ),
  ].join('\n\n');
}

interface Measured {
  readonly measured: readonly Newcomer[];
  /** As status tells them: the longest while all this happened. */
  readonly pauses: Status['pauses'];
}

async function measure(engine: Engine, workloads: number, starts: number): Promise<Measured> {
  await using site = await openSite({ engine });
  await site.host.image(firstImage);
  await makeNetwork(site);
  await createLoad(site, workloads);
  writeLoadPolicy(site, workloads);
  const relay = await EngineRelay.open(site.host.cell, true, atOnce);
  const running = await site.host.daemon({ args: ['--host', relay.address], under: undisturbed });
  await running.status(); // what its beginning took is told
  let pauses = { main: 0, guard: 0 };
  const kernel = await KernelEvents.follow(site.host.cell, atOnce);
  const found: Newcomer[] = [];
  for (let round = 0; round < starts; round++) {
    const [one] = await create(site, 1);
    if (one === undefined) throw new Error('nothing was created');
    await sleep(250); // its seat is made beforehand
    kernel.clear();
    relay.passed.length = 0;
    await start(site, one.id);
    await finished();
    const { address, began } = await outcome(site, one);
    const newcomer = timesOf(kernel, relay, address, began);
    if (newcomer !== null) found.push(newcomer);
    await remove(site, [one.id]);
    const { main, guard } = (await running.status()).pauses;
    pauses = { main: Math.max(pauses.main, main), guard: Math.max(pauses.guard, guard) };
  }
  if (found.length < 0.9 * starts) throw new Error(`only ${found.length} of ${starts} starts could be timed`);
  return { measured: found, pauses };
}

function timesOf(kernel: KernelEvents, relay: EngineRelay, address: string, began: number | null): Newcomer | null {
  const key = keyOf(address);
  const stood = kernel.events.find((event) => event.what === 'newelement' && event.elements.includes(key));
  const links = kernel.events.flatMap((event) =>
    event.what === 'link' && event.there && event.master !== 0 ? [event] : [],
  );
  const [joined] = links;
  if (stood === undefined || joined === undefined || began === null) return null;
  const during = relay.passed.filter(({ t }) => t >= joined.t && t <= stood.t);
  const asked = during.find(({ line }) => /^GET \S*\/networks\/\w/.test(line));
  const answered = during.findLast(({ connection, from }) => from === 'engine' && connection === asked?.connection);
  const told = links.findLast(({ index, t }) => index === joined.index && t <= stood.t) ?? joined;
  return {
    whole: (stood.t - joined.t) / 1000,
    own: (stood.t - Math.max(told.t, answered?.t ?? 0)) / 1000,
    lead: (began - stood.t) / 1000,
  };
}
