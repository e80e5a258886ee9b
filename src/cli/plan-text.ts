import { formatAddress } from '../ip/address.ts';
import { packetText } from './boxes.ts';
import type { Change } from './changes.ts';
import type { CutConversation } from './ports.ts';
import { fewOf, reachOf, reachWords } from './reach.ts';
import { columns, counted, safe, wrap } from './text.ts';
import type { View } from './view.ts';

export function changeJson({ workload, containers, kind, loses, gains, mode, programs }: Change): object {
  return { workload, containers, kind, loses, gains, mode, reaches: programs.map(reachOf) };
}

export function cutJson({ workload, container, to, protocol, port }: CutConversation): object {
  return { workload, container, to: formatAddress(to), protocol, port };
}

/** The plan: a block of lines per workload that changes, one line for what stays. */
export function changeLines(
  changes: readonly Change[],
  cut: readonly CutConversation[],
  view: View,
): readonly string[] {
  const changing = changes.filter(({ kind }) => kind !== 'unchanged');
  const still = stillLines(changes);
  const names = [...changing.map(nameOf), ...still.map(({ name }) => name)];
  const margin = Math.min(Math.max(...names.map(columns), 0), 28) + 2;
  const ofWorkload = Map.groupBy(cut, ({ workload }) => workload);
  const first = new Set<string>();
  return [
    ...changing.flatMap((change) => {
      const conversations = first.has(change.workload) ? [] : (ofWorkload.get(change.workload) ?? []);
      first.add(change.workload);
      return block(nameOf(change), factsOf(change, conversations), margin, view);
    }),
    ...still.flatMap(({ name, count }) =>
      block(name, [{ word: 'unchanged', text: `(${counted(count, 'container')})` }], margin, view),
    ),
  ];
}

interface Fact {
  readonly word: string;
  readonly text: string;
  readonly style?: 'good' | 'bad' | 'doubtful';
}

function nameOf({ workload, containers }: Change): string {
  return containers.length > 1 ? `${safe(workload)} (${containers.length})` : safe(workload);
}

function factsOf(change: Change, cut: readonly CutConversation[]): readonly Fact[] {
  const { kind, loses, gains, mode, programs } = change;
  const reach = [...new Set(programs.map((program) => reachWords(reachOf(program))))].join(' | ');
  const cuts: readonly Fact[] =
    cut.length === 0
      ? []
      : [{ word: '- cuts', text: `${counted(cut.length, 'live connection')}: ${fewOf(placesOf(cut))}`, style: 'bad' }];
  if (kind === 'held')
    return [{ word: '+ held', text: `${modeText(mode.to)}; may reach: ${reach}`, style: 'good' }, ...cuts];
  if (kind === 'released')
    return [{ word: '- let go', text: 'not held any more: it may send what Docker lets it', style: 'doubtful' }];
  const facts: Fact[] = [];
  if (mode.from !== mode.to)
    facts.push({
      word: '~ mode',
      text: `${mode.from ?? ''} -> ${mode.to ?? ''}`,
      style: mode.to === 'enforce' ? 'good' : 'doubtful',
    });
  if (loses.length > 0) facts.push({ word: '- loses', text: fewOf(loses), style: 'bad' });
  if (gains.length > 0) facts.push({ word: '+ gains', text: fewOf(gains), style: 'good' });
  return [...facts, ...cuts, { word: '  now', text: reach }];
}

function modeText(mode: Change['mode']['to']): string {
  return { enforce: 'enforced', audit: 'audited', off: 'off, guardrails only' }[mode ?? 'enforce'];
}

function placesOf(cut: readonly CutConversation[]): readonly string[] {
  return [
    ...new Set(
      cut.map(({ to, protocol, port }) => packetText({ family: to.family, address: to.value, protocol, port })),
    ),
  ];
}

/** What does not change: a whole project in one line where all of it stays. */
function stillLines(changes: readonly Change[]): readonly { readonly name: string; readonly count: number }[] {
  const groups = Map.groupBy(changes, ({ workload }) => workload.slice(0, workload.indexOf('/')));
  return [...groups].flatMap(([project, members]) => {
    const still = members.filter(({ kind }) => kind === 'unchanged');
    const sum = (list: readonly Change[]) => list.reduce((count, { containers }) => count + containers.length, 0);
    if (still.length === 0) return [];
    if (still.length === members.length && still.length > 1) return [{ name: `${safe(project)}/*`, count: sum(still) }];
    return still.map((change) => ({ name: safe(change.workload), count: sum([change]) }));
  });
}

const wordWidth = 10;

/** A name with facts beside it; what does not fit wraps under itself, and a long name stands on a line of its own. */
function block(name: string, facts: readonly Fact[], margin: number, { paint, width }: View): readonly string[] {
  const indent = Math.min(margin, Math.floor(width / 3));
  const room = Math.max(width - indent - wordWidth, 20);
  const lines = facts.flatMap(({ word, text, style }) =>
    wrap(text, room).map((line, index) => {
      const shown = (index === 0 ? word : '').padEnd(wordWidth);
      return `${style === undefined ? shown : paint[style](shown)}${line}`;
    }),
  );
  const own = columns(name) + 2 > indent;
  const head = own ? [paint.strong(name)] : [];
  return [
    ...head,
    ...lines.map((line, index) => {
      const start = index === 0 && !own ? paint.strong(name) + ' '.repeat(indent - columns(name)) : ' '.repeat(indent);
      return `${start}${line}`.trimEnd();
    }),
  ];
}
