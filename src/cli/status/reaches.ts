import { readApplied } from '../applied.ts';
import type { Files } from '../ports.ts';
import { reachOf, reachWords } from '../reach.ts';

/** What each workload may reach by the rules that were put into the kernel last, in words; empty where that is not known. */
export async function reachesByWorkload(stateDirectory: string, files: Files): Promise<ReadonlyMap<string, string>> {
  const memory = await readApplied(stateDirectory, files);
  if (memory.kind !== 'applied') return new Map();
  const byWorkload = Map.groupBy(memory.applied.ruleset.programs, ({ workload }) => workload);
  return new Map(
    [...byWorkload].map(([workload, programs]) => [
      workload,
      [...new Set(programs.map((program) => reachWords(reachOf(program))))].join(' | '),
    ]),
  );
}
