import { codes } from '../../policy/codes.ts';
import { formatSelector } from '../../policy/format.ts';
import { formatSource } from '../../policy/source.ts';
import type { Context } from '../context.ts';
import { diagnosticJson, diagnosticLines, sourceJson } from '../diagnostics.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { entriesOf } from '../live/attempts.ts';
import { hasErrors, type LoadedPolicy, loadPolicy } from '../loaded-policy.ts';
import { cell, table } from '../table.ts';
import { counted, safe, sentence } from '../text.ts';
import type { View } from '../view.ts';

/** `sluice test`: the policy's tests by the evaluator, and with --live by the kernel. */
export async function test(context: Context, given: Given): Promise<Exit> {
  if (given.flag('live')) {
    const { liveTest } = await import('../live/command.ts');
    return liveTest(context);
  }
  const loaded = await loadPolicy(context);
  const results = resultsOf(loaded);
  const lines = await diagnosticLines(
    loaded.diagnostics.filter(({ severity }) => severity === 'error'),
    loaded.texts,
  );
  context.screen.show(
    {
      command: 'test',
      version: 1,
      live: false,
      good: !hasErrors(loaded.diagnostics),
      entries: results.map(({ source, ...rest }) => ({ ...rest, source: sourceJson(source) })),
      diagnostics: loaded.diagnostics.map(diagnosticJson),
    },
    (view) => [...lines(view), ...resultLines(results, view), ...summary(loaded, results, view)],
  );
  return hasErrors(loaded.diagnostics) ? 'no' : 'ok';
}

interface Result {
  readonly from: string;
  readonly wanted: 'allow' | 'deny';
  readonly to: string;
  readonly holds: boolean;
  readonly source: Parameters<typeof sourceJson>[0];
}

function resultsOf({ policy, diagnostics }: LoadedPolicy): readonly Result[] {
  const failing = new Set(
    diagnostics.filter(({ code }) => code === codes.failingTest.code).map(({ source }) => placeOf(source)),
  );
  return (policy?.tests ?? []).flatMap((one) =>
    entriesOf(one).map(({ entry, wanted }) => ({
      from: formatSelector(one.from),
      wanted,
      to: entry.source.text,
      holds: !failing.has(placeOf(entry.source)),
      source: entry.source,
    })),
  );
}

function placeOf({ file, line, column }: Result['source']): string {
  return `${file}\0${line}\0${column}`;
}

function resultLines(results: readonly Result[], view: View): readonly string[] {
  if (results.length === 0) return [];
  const head = [
    { title: 'RESULT', least: 6 },
    { title: 'FROM', least: 10 },
    { title: '', least: 5 },
    { title: 'TO', least: 20 },
    { title: 'WRITTEN AT', least: 12 },
  ];
  return table(
    head,
    results.map(({ from, wanted, to, holds, source }) => [
      holds ? cell('holds', 'good') : cell('fails', 'bad'),
      cell(safe(from)),
      cell(wanted),
      cell(safe(to)),
      cell(safe(formatSource(source)), 'faint'),
    ]),
    view,
  );
}

function summary({ policy }: LoadedPolicy, results: readonly Result[], { paint, width }: View): readonly string[] {
  if (policy === null) return sentence('The policy has errors, so its tests were not run.', paint.strong, width);
  if (results.length === 0) return ['The policy has no tests: write some under "tests:".'];
  const failed = results.filter(({ holds }) => !holds).length;
  if (failed > 0)
    return sentence(
      `${failed} of ${counted(results.length, 'test')} ${failed === 1 ? 'fails' : 'fail'}.`,
      paint.strong,
      width,
    );
  return sentence(
    `${counted(results.length, 'test')} ${results.length === 1 ? 'holds' : 'hold'}. By real packets: sluice test --live`,
    paint.good,
    width,
  );
}
