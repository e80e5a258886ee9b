import { formatAddress } from '../../ip/address.ts';
import { codes } from '../../policy/codes.ts';
import type { Program } from '../../ruleset/ruleset.ts';
import { isOpen } from '../../ruleset/unheld.ts';
import { indexWorld } from '../../ruleset/world-index.ts';
import { workloadName } from '../../world/workload.ts';
import type { Context } from '../context.ts';
import { diagnosticJson, diagnosticText } from '../diagnostics.ts';
import type { Exit } from '../exit.ts';
import { type Sender, senderOf } from '../explain/sender.ts';
import { type Force, failingTestsText, notInForce, readForce } from '../force.ts';
import type { Given } from '../given.ts';
import { type ContainerMode, modeLooks, modeOf, shownMode } from '../mode.ts';
import { reachOf, reachWords } from '../reach.ts';
import { readSituation, type Situation } from '../situation.ts';
import { type Cell, cell, table } from '../table.ts';
import { counted, safe, wrap } from '../text.ts';
import { unheldJson, unheldLines } from '../unheld-text.ts';
import type { View } from '../view.ts';

/** `sluice ps`: who is held, how, and what they may reach. */
export async function ps(context: Context, given: Given): Promise<Exit> {
  const worldFile = given.text('world');
  const situation = await readSituation(context, 'ps', worldFile, 'So nothing can be said of containers.', 'may fail');
  if (situation === null) return 'no';
  const { ruleset, world, diagnostics, failingTests } = situation;
  const force = worldFile === undefined ? await readForce(context, situation) : null;
  const rows = rowsOf(situation, given.flag('all'), force?.pending ?? null);
  const ofContainers = diagnostics.filter(({ severity }) => severity === 'error');
  context.screen.show(
    {
      command: 'ps',
      version: 1,
      inForce: force?.inForce ?? null,
      failingTests,
      containers: rows.map(rowJson),
      unheld: ruleset.unheld.map(unheldJson),
      unidentified: (world.unidentified ?? []).map(({ name, id, reason }) => ({ name, id, reason })),
      diagnostics: ofContainers.map(diagnosticJson),
    },
    (view) => [
      ...headLines(rows, force, view),
      ...(failingTests === 0 ? [] : wrap(failingTestsText(failingTests), view.width).map(view.paint.bad)),
      ...(rows.length === 0 ? [] : tableLines(rows, view)),
      ...unheldLines(ruleset.unheld, view),
      ...unidentifiedLines(world.unidentified ?? [], view),
      ...ofContainers
        .filter(({ code }) => code !== codes.notEnforceable.code)
        .flatMap((found) => wrap(safe(diagnosticText(found)), view.width))
        .map((line) => view.paint.bad(line)),
    ],
  );
  return ruleset.unheld.some(isOpen) ? 'no' : 'ok';
}

interface Row {
  readonly sender: Sender;
  readonly workload: string;
  readonly addresses: readonly string[];
  readonly mode: ContainerMode;
  readonly standing: Program['standing'] | null;
  readonly programs: readonly Program[];
  /** Whether the kernel holds it otherwise, or not yet; null where that is not known. */
  readonly pending: boolean | null;
}

function rowsOf({ world, ruleset }: Situation, all: boolean, pending: ReadonlySet<string> | null): readonly Row[] {
  const index = indexWorld(world);
  const programs = new Map(ruleset.programs.map((program) => [program.id, program]));
  return world.containers
    .filter(({ running }) => running || all)
    .map((container): Row => {
      const sender = senderOf(container, index, ruleset);
      const own = [...new Set(sender.endpoints.map(({ program }) => program))].flatMap((id) => programs.get(id) ?? []);
      const mode = modeOf(container.running, sender.unheld, own);
      return {
        sender,
        workload: workloadName(container),
        addresses: container.endpoints.flatMap(({ addresses }) => addresses.map(formatAddress)),
        mode,
        standing: own[0]?.standing ?? null,
        programs: own,
        pending: pending === null ? null : pending.has(container.name),
      };
    })
    .toSorted((a, b) => compare(a.workload, b.workload) || compare(a.sender.container.name, b.sender.container.name));
}

function rowJson({
  sender: { container, endpoints },
  workload,
  addresses,
  mode,
  standing,
  programs,
  pending,
}: Row): object {
  return {
    id: container.id,
    name: container.name,
    workload,
    project: container.project,
    service: container.service,
    running: container.running,
    addresses,
    mode,
    standing,
    pending,
    endpoints: endpoints.map(({ bridge, port, mac, program }) => ({
      bridge: bridge.name,
      port: port.name,
      mac,
      program,
    })),
    reaches: programs.map((program) => ({ program: program.id, ...reachOf(program) })),
  };
}

function headLines(rows: readonly Row[], force: Force | null, view: View): readonly string[] {
  const count = (wanted: (row: Row) => boolean) => rows.filter(wanted).length;
  const parts = [
    [count((row) => shownMode(row) === 'enforce'), 'enforced'],
    [count((row) => shownMode(row) === 'audit'), 'audited'],
    [count((row) => shownMode(row) === 'off'), 'off'],
    [count((row) => shownMode(row) === '-'), 'that nothing names'],
    [count((row) => shownMode(row) === 'not held'), 'not held'],
    [count((row) => shownMode(row) === 'cut off'), 'cut off'],
    [count((row) => shownMode(row) === 'stopped'), 'stopped'],
  ] as const;
  const facts = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  const total = `${counted(rows.length, 'container')}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`;
  const pending = count((row) => row.pending === true);
  return [...stateLines(force, pending, view), ...wrap(total, view.width)];
}

/** Whether the kernel holds what is shown; nothing of a saved world. */
function stateLines(force: Force | null, pending: number, view: View): readonly string[] {
  if (force === null) return [];
  const not = notInForce(force, view);
  if (not !== null) return not;
  const { paint, width } = view;
  if (pending === 0) return [paint.good('in force')];
  const text = `in force, but ${counted(pending, 'container')} changed since the last apply: sluice apply`;
  return wrap(text, width).map(paint.doubtful);
}

function tableLines(rows: readonly Row[], view: View): readonly string[] {
  const head = [
    { title: 'CONTAINER', least: 14 },
    { title: 'SERVICE', least: 9 },
    { title: 'ADDRESSES', least: 11 },
    { title: 'MODE', least: 8 },
    { title: 'MAY REACH', least: 24 },
  ];
  return table(
    head,
    rows.map((row) => [
      cell(safe(row.sender.container.name)),
      row.workload.startsWith('container/') ? cell('-', 'faint') : cell(safe(row.workload)),
      cell(row.addresses.length === 0 ? ['-'] : row.addresses),
      modeCell(row),
      cell(reachCell(row)),
    ]),
    view,
  );
}

function modeCell(row: Row): Cell {
  const mode = shownMode(row);
  return row.pending === true ? cell([mode, 'not yet'], 'doubtful') : cell(mode, modeLooks[mode]);
}

function reachCell({ mode, standing, programs, sender }: Row): readonly string[] {
  if (mode === 'stopped') return ['-'];
  if (mode === 'not held' || mode === 'cut off') return ['see below'];
  if (programs.length === 0)
    return [
      sender.container.networkMode.kind === 'none'
        ? 'nothing: it has no network'
        : 'what Docker lets it: nothing names it',
    ];
  const words = [...new Set(programs.map((program) => reachWords(reachOf(program))))];
  const text = {
    named: '',
    unmanaged: ' (nothing names it)',
    build: '',
    refused: ' (its labels or x-sluice are refused)',
  }[standing ?? 'named'];
  return words.map((word) => `${word}${text}`);
}

function unidentifiedLines(
  list: NonNullable<Situation['world']['unidentified']>,
  { paint, width }: View,
): readonly string[] {
  if (list.length === 0) return [];
  return [
    paint.strong('Unknown, so nothing they send is proven:'),
    ...list.flatMap(({ name, reason }) => wrap(`${safe(name)}: ${safe(reason)}`, width - 2).map((line) => `  ${line}`)),
  ];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
