/** What the packet benchmarks share: their options, the proof that packets arrive, the table of results. */
import type { Engine } from '../lab/roots.ts';
import type { Arrived } from './ground.ts';
import type { Result } from './pairs.ts';
import { markdown } from './table.ts';
import type { Send } from './worker.ts';

export interface BenchOptions {
  readonly engine: Engine;
  /** Fewer rounds and configurations: about a minute for all benches together. */
  readonly quick: boolean;
  /** Sizes for the daemon's benches, other than their own; empty: their own. */
  readonly workloads: readonly number[];
  /** Progress, for people who wait. */
  readonly say: (text: string) => void;
}

/** Before everything else on its CPU: the machine's other work is not what a command takes. */
export const undisturbed = ['chrt', '--fifo', '1'] as const;

/** Every packet sent must arrive: a dropped one is cheaper, and the sender's clock would praise it. */
export async function proveArrival(what: string, send: Send | undefined, arrived: Arrived): Promise<void> {
  const before = await arrived();
  const pieces = (await send?.(30))?.pieces;
  const count = (await arrived()) - before;
  if (count !== pieces) throw new Error(`${what}: ${pieces} packets were sent and ${count} arrived`);
}

/** One row per configuration, three columns per thing measured. */
export function resultTable(results: readonly Result[]): string {
  const measured = [...new Set(results.map((result) => result.measured))];
  const names = [...new Set(results.map((result) => result.name))];
  const head = ['', ...measured.flatMap((what) => [`${what}, ns`, 'rate', 'half of the pairs'])];
  const rows = names.map((name) => [
    name,
    ...measured.flatMap((what) => {
      const result = results.find((one) => one.name === name && one.measured === what);
      if (result === undefined) return ['', '', ''];
      const [low, high] = result.quartiles;
      return [result.ns.toFixed(0), result.ratio.toFixed(3), `${low.toFixed(3)}–${high.toFixed(3)}`];
    }),
  ]);
  return markdown(head, rows);
}
