import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Engine } from '../../lab/roots.ts';
import type { Random } from '../agreement/random.ts';
import { full, randomFor, record, seed } from '../campaign/campaign.ts';
import { type Operation, operations } from './operations.ts';
import { Playground } from './playground.ts';

/** So many operations on each engine, and so many looks between them. */
const plan: readonly (readonly [Engine, number, number])[] = full
  ? [
      ['28.5', 5000, 50],
      ['26.1', 500, 10],
      ['20.10', 500, 10],
    ]
  : [['28.5', 60, 3]];
/** In this part of them the daemon may be ended; in the rest its memory is watched. */
const restless = 0.2;
/** Milliseconds for the kernel to come to what policy and world are. */
const patience = 30_000;
/** Milliseconds, after fifteen seconds of which the daemon gives back what work has left. */
const calm = 25_000;

describe.each(plan)('engine %s', { timeout: 3 * 3_600_000 }, (engine, many, looks) => {
  test(`${many} random operations leave the kernel as policy and world are, and nothing behind`, async () => {
    const random = randomFor(`operations ${engine}`);
    await using ground = await Playground.open(engine, random);
    const done: string[] = [];
    const refused = new Map<string, number>();
    const sizes: { resident: number; descriptors: number }[] = [];
    /** The same when nothing has happened for a while and what work leaves is given back: what then is more is lost. */
    const calms: typeof sizes = [];
    let tries = 0;
    for (let number = 1; number <= many; number++) {
      const steady = number > restless * many;
      for (;;) {
        if (++tries > 4 * many)
          throw new Error(`the engine refuses nearly everything: ${JSON.stringify([...refused])}`);
        const operation = choose(random, steady);
        done.push(operation.name);
        try {
          await operation.run(ground);
          break;
        } catch (error) {
          if (operation.isCertain) throw error;
          // What cannot be done as things are the engine refuses; then nothing was done, and it does not count.
          refused.set(operation.name, (refused.get(operation.name) ?? 0) + 1);
        }
      }
      if (number % Math.floor(many / looks) !== 0 && number !== many) continue;
      try {
        await ground.expectAgreement(patience);
      } catch (error) {
        const words = `seed ${seed}, after ${number}: … ${done.slice(-12).join(', ')}\n${(error as Error).message}`;
        throw new Error(`${words}\n${ground.daemon.log.slice(-2000)}`, { cause: error });
      }
      const { descriptors, resident } = ground.daemon;
      if (!steady) continue;
      sizes.push({ resident, descriptors });
      if (full && (sizes.length % 8 === 1 || number === many)) {
        await sleep(calm);
        calms.push({ resident: ground.daemon.resident, descriptors });
      }
    }
    const [start, end] = [sizes.slice(0, Math.ceil(sizes.length / 4)), sizes.slice(-Math.ceil(sizes.length / 4))];
    const megabytes = (list: typeof sizes) => median(list.map(({ resident }) => resident)) / 2 ** 20;
    const half = Math.floor(calms.length / 2);
    const [early, late] = [megabytes(calms.slice(0, half)), megabytes(calms.slice(-half))];
    const descriptors = (list: typeof sizes) => median(list.map((one) => one.descriptors));
    record({
      chapter: 'operations',
      engine,
      what: `${many} random operations, ${looks} looks`,
      numbers: {
        'refused besides': [...refused.values()].reduce((sum, count) => sum + count, 0),
        'memory at work at first, MiB': megabytes(start).toFixed(0),
        'at the end': megabytes(end).toFixed(0),
        ...(full ? { 'in a calm at first': early.toFixed(0), 'in a calm at the end': late.toFixed(0) } : {}),
        'descriptors at first': descriptors(start),
        'descriptors at the end': descriptors(end),
      },
    });
    if (full) expect(late).toBeLessThan(early * 1.05 + 5);
    // at work it has garbage, and more of it the busier the machine is
    expect(megabytes(end)).toBeLessThan(megabytes(start) * 1.3 + 15);
    // connections to the engine stay open for a while, eight at most
    expect(descriptors(end)).toBeLessThanOrEqual(descriptors(start) + 10);
  });
});

function choose(random: Random, steady: boolean): Operation {
  const possible = operations.filter(({ endsDaemon }) => !(steady && endsDaemon));
  let at = random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  for (const operation of possible) {
    at -= operation.weight;
    if (at < 0) return operation;
  }
  return possible[0] as Operation;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
