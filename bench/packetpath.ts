/** How long a listing of anybody's rules takes to be read, and a packet to be walked through it. */
import { join } from 'node:path';
import { must } from '../lab/exec.ts';
import { forms, kinds } from './listings.ts';
import type { BenchOptions } from './measured.ts';
import { quantile } from './pairs.ts';
import { markdown } from './table.ts';

interface Once {
  readonly split: number;
  readonly read: number;
  readonly walk: number;
}

/** Every form's runs, one of each in turn; each in a process that has read nothing yet. */
export async function packetpath({ quick, say }: BenchOptions): Promise<string> {
  const count = quick ? 10_000 : 50_000;
  const program = join(import.meta.dirname, 'packetpath-once.ts');
  const subjects = Object.keys(forms).flatMap((form) => kinds.map((kind) => ({ form, kind, runs: [] as Once[] })));
  const rounds = quick ? 2 : 5;
  for (let round = 1; round <= rounds; round++) {
    for (const { form, kind, runs } of subjects)
      runs.push(
        JSON.parse(await must([process.execPath, program, form, kind, String(count)], { timeout: 600_000 })) as Once,
      );
    say(`round ${round} of ${rounds}`);
  }
  const rows = subjects.map(({ form, kind, runs }) => {
    const median = (of: (run: Once) => number): number => quantile(runs.map(of), 0.5);
    const ratio = median(({ read, split }) => read / split);
    const least = Math.min(...runs.map(({ read, walk }) => read + walk));
    return [
      `${form}, ${kind}`,
      ...[median(({ read }) => read), median(({ walk }) => walk), least].map((ms) => ms.toFixed(0)),
      ratio.toFixed(1),
    ];
  });
  return markdown([`${count} rules`, 'read, ms', 'walk, ms', 'both, least, ms', 'reading by splitting'], rows);
}
