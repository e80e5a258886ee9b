import type { NeverReached } from '../../packetpath/walk/never-reached.ts';
import type { Decider, Event, Outcome, Walked } from '../../packetpath/walk/result.ts';
import { safe, wrap } from '../text.ts';
import type { View } from '../view.ts';
import { chainText, interfaceText, ruleName, ruleText } from './asked-text.ts';
import { fixLines } from './fix.ts';
import { type Traced, tracedLines } from './live.ts';
import type { ProgramOf } from './program.ts';

/** What `explain --path` has found out. */
export interface PathAnswer {
  /** The packet as asked for: `app/app -> 192.168.5.5:22/tcp`. */
  readonly packet: string;
  readonly walked: Walked;
  /** Which of Sluice's programs judged it. */
  readonly programOf: ProgramOf;
  readonly neverReached: NeverReached | null;
  /** What was taken for so, beside what the walk itself took. */
  readonly assumed: readonly string[];
  /** With --live. */
  readonly traced: Traced | null;
}

/** The answer first, then the hooks with the rules that mattered, then the other ways it may go. */
export function pathLines(answer: PathAnswer, all: boolean, view: View): readonly string[] {
  const { walked, packet, neverReached, assumed, traced } = answer;
  const [first, ...others] = walked.outcomes;
  if (first === undefined) return [];
  return [
    ...wrap(safe(packet), view.width).map(view.paint.strong),
    ...verdictLines(walked, first, view),
    ...programLines(answer.programOf(first)),
    ...(neverReached === null ? [] : ['', ...fixLines(neverReached, view)]),
    '',
    ...wayLines(first.events, all, view),
    ...otherLines(walked, others, view),
    ...(traced === null ? [] : tracedLines(traced, view)),
    ...(assumed.length + walked.assumed.length > 0 ? [''] : []),
    ...[...assumed, ...walked.assumed].flatMap((text) =>
      wrap(safe(`taken for so: ${text}`), view.width).map(view.paint.faint),
    ),
  ];
}

const words = {
  accepted: 'PASSES',
  dropped: 'STOPPED',
  rejected: 'STOPPED, and the sender is told',
  unknown: 'NOT KNOWN',
} as const;

function verdictLines({ verdict, outcomes }: Walked, first: Outcome, { paint, width }: View): readonly string[] {
  const style = verdict === 'accepted' ? paint.good : verdict === 'depends' ? paint.doubtful : paint.bad;
  const head = verdict === 'depends' ? `DEPENDS: ${words[first.verdict].toLowerCase()}` : words[first.verdict];
  const by = deciderText(first.by);
  const several = outcomes.length > 1;
  return [
    ...wrap(safe(`${head}${by === '' ? '' : `, ${by}`}`), width).map(style),
    ...(first.by.kind === 'rule' ? indent(ruleText(first.by.at), 2, width) : []),
    ...(verdict === 'depends' ? conditionLines(first, width) : []),
    ...(verdict !== 'depends' && several ? indent('and so it is in every other way that it may go', 2, width) : []),
  ];
}

/** Whose rules of Sluice's a packet met, which a rule that stands for all of them does not say. */
function programLines(program: string | null): readonly string[] {
  return program === null ? [] : [safe(`  judged by Sluice's program for ${program}`)];
}

function deciderText(by: Decider): string {
  switch (by.kind) {
    case 'rule':
      return `by ${ruleName(by.at)}:`;
    case 'policy':
      return `by the policy of ${chainText(by)}`;
    case 'host':
      return by.why;
    case 'nothing':
      return 'since no rule speaks of it';
  }
}

function conditionLines({ assumptions, loose }: Outcome, width: number): readonly string[] {
  const texts = assumptions.map(({ text, at }) => `${text}${at === null ? '' : ` (${ruleName(at)})`}`);
  return [
    ...texts.flatMap((text, index) => indent(`${index === 0 ? 'if' : 'and'} ${text}`, 2, width)),
    ...(loose ? indent('on conditions of which there are several', 2, width) : []),
  ];
}

/** Hook by hook; without `all`, rules that only counted are left out, and hooks at which nothing happened. */
function wayLines(events: readonly Event[], all: boolean, { paint, width }: View): readonly string[] {
  const lines: string[] = [];
  let head: string | null = null;
  const tell = (text: string) => {
    if (head !== null) lines.push(...wrap(safe(head), width).map(paint.strong));
    head = null;
    lines.push(...indent(text, 2, width));
  };
  for (const event of events) {
    switch (event.kind) {
      case 'hook': {
        if (head !== null && all) lines.push(...wrap(safe(head), width).map(paint.strong));
        const layer = event.layer === 'ip' ? '' : ` of the ${event.layer} family`;
        const sides = [event.in && `in ${interfaceText(event.in)}`, event.out && `out ${interfaceText(event.out)}`];
        head = `${event.hook.toUpperCase()}${layer}  ${sides.filter((side) => side !== null).join(', ')}`;
        break;
      }
      case 'rule':
        if (all || event.said.kind !== 'go-on')
          tell(`${ruleName(event.at)} ${saidText(event.said)} ${ruleText(event.at)}`);
        break;
      case 'policy':
        if (all || event.policy === 'drop') tell(`${chainText(event)}: its end, policy ${event.policy}`);
        break;
      case 'translated':
        tell(`${event.what} becomes ${event.to}, was ${event.from}`);
        break;
      case 'routed':
        head = null;
        lines.push(
          ...wrap(
            safe(event.to === 'local' ? 'routed to the host itself' : `routed out by ${interfaceText(event.to)}`),
            width,
          ),
        );
        break;
      case 'bridged':
        head = null;
        lines.push(...wrap(safe(`bridged to a neighbour on ${event.bridge}`), width));
        break;
    }
  }
  if (head !== null && all) lines.push(...wrap(safe(head), width).map(paint.strong));
  return lines;
}

function saidText(said: Extract<Event, { kind: 'rule' }>['said']): string {
  switch (said.kind) {
    case 'jump':
    case 'goto':
      return `sends into ${said.chain}:`;
    case 'accept':
      return 'accepts:';
    case 'drop':
      return 'drops:';
    case 'reject':
      return 'rejects:';
    case 'return':
      return 'returns:';
    case 'translate':
      return 'translates:';
    case 'queue':
      return 'not understood:';
    case 'go-on':
      return 'matches:';
  }
}

function otherLines({ verdict }: Walked, others: readonly Outcome[], view: View): readonly string[] {
  if (verdict !== 'depends' || others.length === 0) return [];
  const shown = others.slice(0, mostOthers);
  const left = others.length - shown.length;
  return [
    '',
    ...wrap('Otherwise', view.width).map(view.paint.strong),
    ...shown.flatMap((outcome) => [
      ...wrap(safe(`${words[outcome.verdict].toLowerCase()}, ${deciderText(outcome.by)}`), view.width),
      ...conditionLines(outcome, view.width),
    ]),
    ...(left > 0 ? wrap(`and ${left} more ways; --json has them all`, view.width) : []),
  ];
}

const mostOthers = 6;

/** A text and the lines it goes on in, which stand further in. */
function indent(text: string, by: number, width: number): readonly string[] {
  return wrap(safe(text), width - by - 2).map((line, index) => `${' '.repeat(index === 0 ? by : by + 2)}${line}`);
}
