/** `bench cli`: how long the command line takes, against its own Node doing nothing. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../lab/cache.ts';
import { must } from '../lab/exec.ts';
import { checkout } from '../lab/host.ts';
import { type BenchOptions, undisturbed } from './measured.ts';
import { type Configuration, measurePairs } from './pairs.ts';
import { policyTexts } from './scene.ts';
import { markdown } from './table.ts';
import type { Send } from './worker.ts';

const dist = join(checkout, 'dist');

export async function cli({ quick, say }: BenchOptions): Promise<string> {
  if (!existsSync(join(dist, 'sluice'))) throw new Error('dist/sluice is not built: npm run build');
  const folder = mkdtempSync(join(cacheDir('tmp'), 'cli-'));
  try {
    const scene = join(folder, 'policy.yaml');
    const [text = ''] = policyTexts({ workloads: 100, destinations: 100, kind: 'exact' });
    writeFileSync(scene, text, { mode: 0o600 });
    const article = join(checkout, 'examples/article/policy.yaml');
    const sluice = join(dist, 'sluice');
    const commands: readonly (readonly [string, readonly string[]])[] = [
      ['node -e 0, again', [join(dist, 'lib/node'), '-e', '0']],
      ['sluice --version', [sluice, '--version']],
      ['sluice check, the article’s policy', [sluice, 'check', article]],
      ['sluice check, 100 × 100 destinations', [sluice, 'check', scene]],
    ];
    let next: readonly string[] = [];
    // a visit is one run of what was entered last, however long it takes
    const run: Send = async () => {
      const start = performance.now();
      await must([...undisturbed, ...next]);
      return { ns: (performance.now() - start) * 1e6, pieces: 1 };
    };
    const entering = (command: readonly string[]) => ({
      enter: async () => {
        next = command;
      },
    });
    const configurations = commands.map(
      ([name, command]): Configuration => ({ name, sends: new Map([['time', run]]), ...entering(command) }),
    );
    const baseline = entering([join(dist, 'lib/node'), '-e', '0']);
    const results = await measurePairs(configurations, { rounds: quick ? 4 : 13, visit: 1, baseline, say });
    const rows = results.map(({ name, ns, baselineNs, ratio }) => [
      name,
      (ns / 1e6).toFixed(0),
      (baselineNs / 1e6).toFixed(0),
      (1 / ratio).toFixed(2),
    ]);
    return markdown(['', 'ms', 'node -e 0 beside it, ms', 'times as long'], rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
