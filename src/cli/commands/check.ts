import type { Policy } from '../../policy/model.ts';
import { inForceSince } from '../applied.ts';
import { clockText } from '../clock.ts';
import type { Context } from '../context.ts';
import { countsText, diagnosticJson, diagnosticLines, showProblems } from '../diagnostics.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { hasErrors, type LoadedPolicy, loadPolicy } from '../loaded-policy.ts';
import { counted, safe, safeJson, sentence } from '../text.ts';

/** `sluice check`: what is wrong with a policy, or that nothing is. */
export async function check(context: Context, given: Given): Promise<Exit> {
  const { screen } = context;
  if (given.flag('schema')) {
    const { policyJsonSchema } = await import('../../policy/schema.ts');
    screen.raw(`${safeJson(policyJsonSchema())}\n`);
    return 'ok';
  }
  const loaded = await loadPolicy(context, given.list(0));
  if (loaded.policy === null || hasErrors(loaded.diagnostics)) {
    await showProblems(context, 'check', loaded, await nothingChanged(context, loaded.now));
    return 'no';
  }
  const summary = summaryOf(loaded.policy);
  const lines = await diagnosticLines(loaded.diagnostics, loaded.texts);
  screen.show(
    {
      command: 'check',
      version: 1,
      good: true,
      files: loaded.texts.map(({ path }) => path),
      ...summary,
      diagnostics: loaded.diagnostics.map(diagnosticJson),
    },
    (view) => [...lines(view), ...sentence(goodText(loaded, summary), view.paint.good, view.width)],
  );
  return 'ok';
}

/** "Nothing was changed", and what stays in force where that is known. */
export async function nothingChanged({ settings, ports }: Context, now: number): Promise<string> {
  const since = await inForceSince(settings.state, ports.files);
  const stays = since === null ? '' : `; the policy of ${clockText(since, now)} stays in force`;
  return `Nothing was changed${stays}.`;
}

interface Summary {
  readonly projects: number;
  readonly containers: number;
  readonly composeFiles: number;
  readonly guardrails: number;
  readonly groups: number;
  /** Entries of tests; all of them hold. */
  readonly testEntries: number;
}

function summaryOf(policy: Policy): Summary {
  return {
    projects: policy.projects.length,
    containers: policy.containers.length,
    composeFiles: policy.compose.length,
    guardrails: policy.guardrails.deny.length,
    groups: policy.groups.size,
    testEntries: policy.tests.reduce((sum, { allow, deny }) => sum + allow.length + deny.length, 0),
  };
}

function goodText({ texts, diagnostics }: LoadedPolicy, summary: Summary): string {
  const parts = [
    [summary.projects, 'project'],
    [summary.containers, 'container'],
    [summary.composeFiles, 'compose file'],
    [summary.guardrails, 'guardrail'],
    [summary.groups, 'group'],
  ] as const;
  const facts = parts.filter(([count]) => count > 0).map(([count, word]) => counted(count, word));
  if (summary.testEntries > 0)
    facts.push(`${counted(summary.testEntries, 'test')} ${summary.testEntries === 1 ? 'holds' : 'hold'}`);
  const found = countsText(diagnostics);
  const named = texts[0] === undefined ? 'The policy' : safe(texts[0].path);
  return `${named} is good${facts.length === 0 ? '' : `: ${facts.join(', ')}`}${found === '' ? '' : `; ${found}`}.`;
}
