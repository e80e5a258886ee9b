/** `bench apply`: how long it takes until the kernel holds a policy, by size and by version of nft. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../lab/cache.ts';
import { Cell } from '../lab/cell.ts';
import { must } from '../lab/exec.ts';
import { engines, ensureRoot } from '../lab/roots.ts';
import { removeCgroups } from '../lab/sweep.ts';
import { ensureTools } from '../lab/tools.ts';
import { applyTables, removeTables } from '../src/nftables/backend.ts';
import type { RunNft } from '../src/nftables/nft.ts';
import { renderRuleset } from '../src/nftables/render.ts';
import { compile } from '../src/ruleset/compile.ts';
import { type BenchOptions, undisturbed } from './measured.ts';
import { quantile } from './pairs.ts';
import { type DestinationKind, instant, policyOf, policyTexts, type Size, worldOf } from './scene.ts';
import { markdown } from './table.ts';

const workloadCounts = [10, 100, 1000] as const;
const kinds: readonly DestinationKind[] = ['exact', 'wide'];
const stages = ['read', 'compile', 'render', 'print'] as const;
type Stages = Readonly<Record<(typeof stages)[number], number>>;

export async function apply({ engine: chosen, quick, say }: BenchOptions): Promise<string> {
  const folder = mkdtempSync(join(cacheDir('tmp'), 'apply-'));
  const cells: { readonly cell: Cell; readonly nft: string; readonly run: RunNft }[] = [];
  try {
    const tools = await ensureTools(say);
    for (const engine of quick ? [chosen] : engines) {
      const cell = await Cell.open(await ensureRoot(engine, say), 'apply', tools);
      const run: RunNft = (args, input) =>
        cell.run([...undisturbed, 'nft', ...args], { input: input ?? '', timeout: 120_000 });
      const nft = (await cell.must(['nft', '--version'])).replace(/^nftables v(\S+)[^]*$/, '$1');
      cells.push({ cell, nft, run });
    }
    const rows: string[][] = [];
    for (const kind of quick ? kinds.slice(0, 1) : kinds)
      for (const workloads of workloadCounts) {
        say(`${workloads} × 100 ${kind}`);
        rows.push(
          await measure({ workloads, destinations: 100, kind }, cells, join(folder, 'text.nft'), quick ? 2 : 3),
        );
      }
    const head = ['workloads × destinations', ...stages, ...cells.flatMap(({ nft }) => [`nft ${nft}`, 'sum', 'again'])];
    return [
      'Milliseconds, least of the rounds; `sum` is compile to nft from empty, `again` a second apply of the same in a warm process:',
      markdown(head, rows),
    ].join('\n\n');
  } finally {
    await Promise.all(cells.map(({ cell }) => cell.stop()));
    await removeCgroups(cells.map(({ cell }) => cell.name)).catch(() => {}); // the sweep of the next lab does it
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The least time is told: what a shared machine adds is never negative. */
const least = (times: readonly number[]): number => quantile(times, 0);

async function measure(
  size: Size,
  cells: readonly { readonly run: RunNft }[],
  file: string,
  rounds: number,
): Promise<string[]> {
  const tables = renderRuleset(compile(policyOf(policyTexts(size)), worldOf(size.workloads), instant).ruleset);
  const ours: Stages[] = [];
  const theirs = cells.map(() => ({ empty: [] as number[], again: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    ours.push(await once(size, file));
    const text = readFileSync(file, 'utf8');
    for (const [index, { run }] of cells.entries()) {
      theirs[index]?.empty.push(await timed(async () => insist(await run(['-f', '-'], text))));
      theirs[index]?.again.push(await timed(() => applyTables(tables, run)));
      await removeTables(run);
    }
  }
  const own = stages.map((stage) => least(ours.map((one) => one[stage])));
  const typescript = own.slice(1).reduce((sum, time) => sum + time, 0);
  return [
    `${size.workloads} × ${size.destinations} ${size.kind}`,
    ...own.map((time) => time.toFixed(0)),
    ...theirs.flatMap(({ empty, again }) =>
      [least(empty), typescript + least(empty), least(again)].map((time) => time.toFixed(0)),
    ),
  ];
}

async function once(size: Size, file: string): Promise<Stages> {
  const program = join(import.meta.dirname, 'apply-once.ts');
  const args = [String(size.workloads), String(size.destinations), size.kind, file];
  return JSON.parse(await must([...undisturbed, process.execPath, program, ...args])) as Stages;
}

function insist({ code, stderr }: { readonly code: number | null; readonly stderr: string }): void {
  if (code !== 0) throw new Error(stderr.slice(0, 2000));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
