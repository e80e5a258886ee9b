import type { Repair, Status, WorkloadStatus } from '../../control/protocol.ts';
import { clockText } from '../clock.ts';
import { inText, spanText } from '../duration.ts';
import { narrowerLines } from '../narrower-text.ts';
import { fewOf } from '../reach.ts';
import { type Cell, cell, table } from '../table.ts';
import { counted, safe, wrap } from '../text.ts';
import { undoingLines } from '../undoing-text.ts';
import { shownUnheldLines } from '../unheld-text.ts';
import type { View } from '../view.ts';

/** The daemon's facts for people: the answer, what is in force, what is not as it should be, and the next step. */
export function statusLines(
  facts: Status,
  reaches: ReadonlyMap<string, string>,
  now: number,
  view: View,
): readonly string[] {
  return [
    ...headLines(facts, now, view),
    ...troubleLines(facts, now, view),
    ...workloadLines(facts, reaches, now, view),
    ...shownUnheldLines(
      facts.unheld.map((one) => ({ ...one, isWanted: true })),
      view,
    ),
    // a daemon of an older release says neither
    ...undoingLines(facts.canUndo ?? [], view),
    ...narrowerLines(facts.narrower ?? [], view),
    ...refusedLines(facts, view),
    ...repairLines(facts.repairs, now, view),
    ...nextLines(facts, now, view),
  ];
}

function headLines(facts: Status, now: number, { paint, width }: View): readonly string[] {
  const denying = facts.troubles.some(({ code }) => code === 'denying-all');
  const word = denying ? 'denying' : facts.state;
  const style = denying
    ? paint.bad
    : { enforcing: paint.good, audit: paint.doubtful, degraded: paint.bad }[facts.state];
  const policy =
    facts.policy === null
      ? 'no policy'
      : `policy of ${clockText(facts.policy.since, now)} (${facts.policy.digest.slice(0, 4)}…)${cameBack[facts.policy.by]}`;
  const engine = facts.engine === null ? 'no engine yet' : `engine ${safe(facts.engine.version)}`;
  const lastLine = facts.policy === null ? [] : (lastLineWords[facts.lastLine] ?? []);
  const last = facts.repairs[0];
  const quiet = `${spanText(now - Math.max(last?.at ?? 0, facts.startedAt))} without a repair`;
  const { drift } = facts;
  const looks = drift.kind === 'told' ? [] : [`drift is looked for every ${spanText(drift.every)}`];
  const [first = '', ...more] = wrap(
    [facts.backend, ...lastLine, engine, policy, quiet, ...looks].join(', '),
    width - 12,
  );
  return [`${style(word.padEnd(12))}${first}`, ...more.map((line) => `${' '.repeat(12)}${line}`)];
}

/** Nothing where the daemon, of an older release, does not say. */
const lastLineWords: Readonly<Partial<Record<string, readonly string[]>>> = {
  stands: ['last line'],
  'not-with-iptables': ['no last line'],
  unsupported: ['no last line'],
  taken: ['no last line'],
  failed: ['no last line'],
};

const cameBack = {
  files: '',
  rollback: ', rolled back',
  'confirm-expired': ', which came back because its change was not confirmed',
} as const;

function troubleLines({ troubles }: Status, now: number, { paint, width }: View): readonly string[] {
  return troubles.flatMap(({ code, message, fix, since }) => [
    ...message
      .split('\n')
      .flatMap((line, at) =>
        wrap(`${safe(line)}${at === 0 ? ` (${code}, since ${clockText(since, now)})` : ''}`, width - 2),
      )
      .map((line) => `  ${paint.bad(line)}`),
    ...wrap(safe(fix), width - 4).map((line) => `    ${line}`),
  ]);
}

function workloadLines(
  { workloads, unnamed }: Status,
  reaches: ReadonlyMap<string, string>,
  now: number,
  view: View,
): readonly string[] {
  if (workloads.length + unnamed.length === 0) return [];
  const head = [
    { title: 'WORKLOAD', least: 12 },
    { title: 'MODE', least: 7 },
    { title: 'CONTAINERS', least: 10 },
    { title: 'SINCE', least: 5 },
    { title: 'MAY REACH', least: 20 },
  ];
  const rows = grouped(workloads, reaches).map(({ name, mode, containers, since, reach }): readonly Cell[] => [
    cell(safe(name)),
    cell(mode, mode === 'enforce' ? 'good' : 'doubtful'),
    cell(String(containers)),
    cell(clockText(since, now)),
    cell(reach),
  ]);
  const none: readonly Cell[] = [
    cell('(none)', 'faint'),
    cell('-', 'faint'),
    cell(String(unnamed.length)),
    cell('-', 'faint'),
    cell(`no policy names: ${fewOf(unnamed)}`),
  ];
  return table(head, unnamed.length === 0 ? rows : [...rows, none], view).map((line) => line);
}

interface Row {
  readonly name: string;
  readonly mode: WorkloadStatus['mode'];
  readonly containers: number;
  readonly since: number;
  readonly reach: string;
}

/** A project in one line where all its services fare alike, else a line for each. */
function grouped(workloads: readonly WorkloadStatus[], reaches: ReadonlyMap<string, string>): readonly Row[] {
  const rows = workloads.map((one) => {
    const workload = `${one.project ?? 'container'}/${one.name}`;
    return { ...one, workload, reach: reaches.get(workload) ?? '?' };
  });
  return [...Map.groupBy(rows, ({ project }) => project)].flatMap(([project, members]) => {
    const alike = new Set(members.map(({ mode, since, reach }) => JSON.stringify([mode, since, reach]))).size === 1;
    const [first] = members;
    if (project === null || !alike || first === undefined)
      return members.map(({ workload, mode, containers, since, reach }) => ({
        name: workload,
        mode,
        containers,
        since,
        reach,
      }));
    const containers = members.reduce((sum, one) => sum + one.containers, 0);
    const name = members.length === 1 ? first.workload : `${project}/*`;
    return [{ name, mode: first.mode, containers, since: first.since, reach: first.reach }];
  });
}

function refusedLines({ refused }: Status, { paint, width }: View): readonly string[] {
  if (refused.length === 0) return [];
  return [
    paint.strong('Refused, so closed until they are mended:'),
    ...refused.flatMap(({ workload, message }) =>
      wrap(`${safe(workload)}: ${safe(message)}`, width - 2).map((line) => `  ${line}`),
    ),
  ];
}

const shown = 5;

function repairLines(repairs: readonly Repair[], now: number, { paint, width }: View): readonly string[] {
  if (repairs.length === 0) return [];
  const rest = repairs.length - shown;
  return [
    paint.strong('Repaired after somebody changed our rules:'),
    ...repairs
      .slice(0, shown)
      .flatMap(({ at, took, by, tables }) =>
        wrap(
          `${clockText(at, now)}  ${by.process === 0 ? 'somebody' : `${safe(by.name)} (pid ${by.process})`} changed ${tables.map(safe).join(' and ')}; mended in ${took.toFixed(0)} ms`,
          width - 2,
        ),
      )
      .map((line) => `  ${line}`),
    ...(rest > 0 ? [`  and ${rest} before: sluice status --json`] : []),
  ];
}

function nextLines(facts: Status, now: number, { paint, width }: View): readonly string[] {
  const lines = (text: string) => wrap(text, width).map(paint.doubtful);
  const { pending } = facts;
  if (pending !== null && pending.until >= now)
    return lines(`The change goes back ${inText(pending.until - now)} unless you keep it: sluice confirm`);
  if (pending !== null)
    return lines(
      `The change was to go back at ${clockText(pending.until, now)} and has not: sluice rollback, or sluice confirm`,
    );
  if (facts.filesDiffer === true) return lines('The files say something else than what is in force: sluice plan');
  if (facts.filesDiffer === null) return lines('The policy files cannot be read: sluice check');
  const things = facts.troubles.length + facts.unheld.length + facts.refused.length;
  return things === 0 ? [] : lines(`${counted(things, 'thing')} to look at, above; all of the host: sluice doctor`);
}
