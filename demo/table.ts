import type { ProbeSpec } from '../lab/probe.ts';
import { type Result, reached } from './attempts.ts';
import type { Ink } from './ink.ts';

/** The table of attempts; with `before`, what changed stands out. */
export function table(ink: Ink, results: readonly Result[], before?: readonly Result[]): string {
  const head = [pad('FROM', 11), pad('TO', 26), pad('', 23), 'REACHED THE FAR SIDE'].join(' ');
  const lines = results.map((result, index) => line(ink, result, before?.[index]));
  return [ink.faint(head), ...lines].join('\n');
}

/** The same in two columns; what is not as `expected` stands out. */
export function brief(ink: Ink, results: readonly Result[], expected: readonly Result[]): string {
  const cells = results.map((result, index) => {
    const answer = reached(result) ? 'yes' : 'no';
    const wanted = expected[index];
    const same = wanted !== undefined && reached(wanted) === reached(result);
    return `${(same ? ink.good : ink.strong)(pad(answer, 4))}${pad(result.attempt.what, 26)}`;
  });
  const half = Math.ceil(cells.length / 2);
  return cells
    .slice(0, half)
    .map((cell, row) => `  ${cell}${cells[row + half] ?? ''}`.trimEnd())
    .join('\n');
}

function line(ink: Ink, result: Result, before: Result | undefined): string {
  const { attempt } = result;
  const cells = [pad(attempt.from, 11), pad(attempt.what, 26), ink.faint(pad(address(attempt.spec), 23))];
  const answer = reached(result) ? 'yes' : `no, ${how(result)}`;
  const changed = before !== undefined && reached(before) !== reached(result);
  const colour = changed ? ink.strong : before === undefined ? ink.plain : ink.good;
  return [...cells, colour(answer)].join(' ');
}

/** What the sender learnt of its end. */
function how({ probe }: Result): string {
  switch (probe.outcome) {
    case 'refused':
      return 'refused at once';
    case 'unreachable':
      return 'told "prohibited"';
    case 'timeout':
      return 'no answer';
    default:
      return probe.outcome;
  }
}

function address({ to, port, proto = 'tcp' }: ProbeSpec): string {
  return port === undefined ? `${to} ${proto}` : `${to}:${port}/${proto}`;
}

const pad = (text: string, width: number): string => text.padEnd(width);
