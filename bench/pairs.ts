/**
 * Ratios on a machine that others use: every visit of a configuration is paired with one of the baseline right before or
 * right after it, pairs of all configurations follow each other in random order, and the median of the pairs' ratios counts.
 */
import type { Send } from './worker.ts';

export interface Configuration {
  readonly name: string;
  /** By the name of what is measured. */
  readonly sends: ReadonlyMap<string, Send>;
  enter(): Promise<void>;
}

export interface Result {
  readonly name: string;
  readonly measured: string;
  /** Rate by the baseline's rate: median of pairs. */
  readonly ratio: number;
  /** Half the pairs lie between these. */
  readonly quartiles: readonly [number, number];
  /** Nanoseconds per packet or connection: medians of the configuration's visits and of the baseline's beside them. */
  readonly ns: number;
  readonly baselineNs: number;
}

export interface Plan {
  readonly rounds: number;
  /** Milliseconds of sending per visit, after a tenth of it that is not counted. */
  readonly visit: number;
  /** The configuration without anything. */
  readonly baseline: { enter(): Promise<void> };
  readonly say: (text: string) => void;
}

/** Runs all pairs. Baseline and configuration use the same sender. */
export async function measurePairs(configurations: readonly Configuration[], plan: Plan): Promise<readonly Result[]> {
  const pairs = configurations.flatMap((configuration) =>
    [...configuration.sends].map(([measured, send]) => ({
      configuration,
      measured,
      send,
      visits: [] as { own: number; base: number }[],
    })),
  );
  const visit = async (place: { enter(): Promise<void> }, send: Send) => {
    await place.enter();
    await send(Math.ceil(plan.visit / 10));
    return (await send(plan.visit)).ns;
  };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const { configuration, send, visits } of shuffled(pairs)) {
      if (Math.random() < 0.5) {
        const base = await visit(plan.baseline, send);
        visits.push({ base, own: await visit(configuration, send) });
      } else {
        const own = await visit(configuration, send);
        visits.push({ own, base: await visit(plan.baseline, send) });
      }
    }
    plan.say(`round ${round} of ${plan.rounds}`);
  }
  await plan.baseline.enter();
  return pairs.map(({ configuration, measured, visits }) => {
    const ratios = visits.map(({ own, base }) => base / own);
    return {
      name: configuration.name,
      measured,
      ratio: quantile(ratios, 0.5),
      quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
      ns: quantile(
        visits.map(({ own }) => own),
        0.5,
      ),
      baselineNs: quantile(
        visits.map(({ base }) => base),
        0.5,
      ),
    };
  });
}

function shuffled<T>(list: readonly T[]): readonly T[] {
  return list
    .map((item) => ({ item, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

/** The value below which a share of the numbers lies, between neighbours by their distance. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('no numbers');
  return low + (high - low) * (at - Math.floor(at));
}
