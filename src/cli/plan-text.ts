import { formatAddress } from '../ip/address.ts';
import { packetText } from './boxes.ts';
import type { Change } from './changes.ts';
import { spanText } from './duration.ts';
import type { CutConversation } from './ports.ts';
import { fewOf, reachOf, reachWords } from './reach.ts';
import { columns, counted, safe, wrap } from './text.ts';
import type { View } from './view.ts';

/** What changes for a workload, as `--json` prints it: what it may reach then, by program. */
export function changeJson({ workload, containers, kind, loses, gains, mode, programs }: Change): object {
  return { workload, containers, kind, loses, gains, mode, reaches: programs.map(reachOf) };
}

/** A conversation that would be cut, as `--json` prints it; port 0 where the protocol has none. */
export function cutJson({ workload, container, to, protocol, port }: CutConversation): object {
  return { workload, container, to: formatAddress(to), protocol, port };
}

/** A conversation that ends, and since when it lives; null where nobody knows, absent where it does not matter. */
type Cut = CutConversation & { readonly since?: number | null };

/**
 * The plan: a block of lines per workload that changes, or per project where all of it fares alike; then what stays.
 *
 * @param now milliseconds since the epoch, to tell the age of what is cut; left out where it is cut already
 */
export function changeLines(
  changes: readonly Change[],
  cut: readonly Cut[],
  view: View,
  now?: number,
): readonly string[] {
  const blocks = [...changingBlocks(changes, cut, now), ...otherCuts(changes, cut, now), ...stillBlocks(changes)];
  const margin = Math.min(Math.max(...blocks.map(({ name }) => columns(name)), 0), 28) + 2;
  return blocks.flatMap(({ name, facts }) => block(name, facts, margin, view));
}

interface Block {
  readonly name: string;
  readonly facts: readonly Fact[];
}

function changingBlocks(changes: readonly Change[], cut: readonly Cut[], now: number | undefined): readonly Block[] {
  const changing = changes.filter(({ kind }) => kind !== 'unchanged');
  const alike = Map.groupBy(changing, (change) => JSON.stringify([projectOf(change), factsOf(change)]));
  const told = new Set<string>();
  return [...alike.values()].flatMap((members) => {
    const cutOf = (workloads: readonly string[]) => {
      const fresh = workloads.filter((workload) => !told.has(workload));
      for (const workload of fresh) told.add(workload);
      return cutFacts(
        cut.filter(({ workload }) => fresh.includes(workload)),
        now,
      );
    };
    const [first] = members;
    if (first === undefined) return [];
    const project = projectOf(first);
    const whole = changes.filter((change) => projectOf(change) === project).length === members.length;
    if (whole && members.length > 1) {
      const name = `${safe(project)}/* (${containerCount(members)})`;
      return [{ name, facts: withCut(factsOf(first), cutOf(members.map(({ workload }) => workload))) }];
    }
    return members.map((change) => ({
      name:
        change.containers.length > 1 ? `${safe(change.workload)} (${change.containers.length})` : safe(change.workload),
      facts: withCut(factsOf(change), cutOf([change.workload])),
    }));
  });
}

/** Connections of workloads that do not change: another's address or the time made them forbidden. */
function otherCuts(changes: readonly Change[], cut: readonly Cut[], now: number | undefined): readonly Block[] {
  const changing = new Set(changes.filter(({ kind }) => kind !== 'unchanged').map(({ workload }) => workload));
  const others = Map.groupBy(
    cut.filter(({ workload }) => !changing.has(workload)),
    ({ workload }) => workload,
  );
  return [...others].map(([workload, list]) => ({ name: safe(workload), facts: cutFacts(list, now) }));
}

/** What does not change: a whole project in one line where all of it stays. */
function stillBlocks(changes: readonly Change[]): readonly Block[] {
  return [...Map.groupBy(changes, projectOf)].flatMap(([project, members]) => {
    const still = members.filter(({ kind }) => kind === 'unchanged');
    const line = (name: string, list: readonly Change[]): Block => ({
      name,
      facts: [{ word: 'unchanged', text: `(${counted(containerCount(list), 'container')})` }],
    });
    if (still.length === members.length && still.length > 1) return [line(`${safe(project)}/*`, still)];
    return still.map((change) => line(safe(change.workload), [change]));
  });
}

function projectOf({ workload }: Change): string {
  return workload.slice(0, workload.indexOf('/'));
}

function containerCount(changes: readonly Change[]): number {
  return changes.reduce((count, { containers }) => count + containers.length, 0);
}

interface Fact {
  readonly word: string;
  readonly text: string;
  readonly style?: 'good' | 'bad' | 'doubtful';
}

function factsOf({ kind, loses, gains, mode, programs }: Change): readonly Fact[] {
  const reach = [...new Set(programs.map((program) => reachWords(reachOf(program))))].join(' | ');
  if (kind === 'held')
    return [{ word: '+ held', text: `${heldText(mode.to, programs)}; may reach: ${reach}`, style: 'good' }];
  if (kind === 'gone') return [{ word: '- gone', text: 'it does not run any more' }];
  if (kind === 'released')
    return [{ word: '- let go', text: 'not held any more: it may send what Docker lets it', style: 'doubtful' }];
  if (kind === 'cut-off')
    return [
      { word: '- cut off', text: 'its place is not known any more: its bridge drops what it sends', style: 'bad' },
    ];
  const style = mode.to === 'enforce' ? 'good' : 'doubtful';
  return [
    ...(mode.from === mode.to
      ? []
      : [{ word: '~ mode', text: `${mode.from ?? ''} -> ${mode.to ?? ''}`, style } as const]),
    ...(loses.length === 0 ? [] : [{ word: '- loses', text: fewOf(loses), style: 'bad' } as const]),
    ...(gains.length === 0 ? [] : [{ word: '+ gains', text: fewOf(gains), style: 'good' } as const]),
    { word: '  now', text: reach },
  ];
}

function cutFacts(cut: readonly Cut[], now: number | undefined): readonly Fact[] {
  if (cut.length === 0) return [];
  const isOfSeveral = new Set(cut.map(({ container }) => container)).size > 1;
  const places = [
    ...Map.groupBy(cut, ({ container, to, protocol, port }) => {
      const place = packetText({ family: to.family, address: to.value, protocol, port });
      return isOfSeveral ? `${safe(container)} to ${place}` : place;
    }),
  ].map(([place, list]) => `${place}${aboutText(list, now)}`);
  return [{ word: '- cuts', text: `${counted(cut.length, 'live connection')}: ${fewOf(places)}`, style: 'bad' }];
}

/** ` (for 2 hours)`, ` (3, the oldest for 2 hours)`. */
function aboutText(cut: readonly Cut[], now: number | undefined): string {
  const count = cut.length > 1 ? [String(cut.length)] : [];
  const about = now === undefined ? count : [...count, ageText(cut, now)];
  return about.length === 0 ? '' : ` (${about.join(', ')})`;
}

function ageText(cut: readonly Cut[], now: number): string {
  const known = cut.flatMap(({ since }) => since ?? []);
  if (known.length === 0) return 'age unknown';
  return `${cut.length > 1 ? 'the oldest ' : ''}for ${spanText(now - Math.min(...known))}`;
}

/** Before what holds now, which comes last. */
function withCut(facts: readonly Fact[], cut: readonly Fact[]): readonly Fact[] {
  const last = facts.findIndex(({ word }) => word === '  now');
  return last < 0 ? [...facts, ...cut] : facts.toSpliced(last, 0, ...cut);
}

function heldText(mode: Change['mode']['to'], programs: Change['programs']): string {
  if (programs.every(({ standing }) => standing === 'unmanaged')) return 'nothing names it';
  return { enforce: 'enforced', audit: 'audited', off: 'off, guardrails only' }[mode ?? 'enforce'];
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
