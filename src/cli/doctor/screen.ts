import type { Unseen } from '../../doctor/facts.ts';
import { type Finding, type MendLine, type Severity, severities } from '../../doctor/finding.ts';
import { counted, safe, wrap } from '../text.ts';
import type { View } from '../view.ts';

const looks = { critical: 'bad', warning: 'doubtful', note: 'faint' } as const;
/** Lines of one kind that are shown; --json has all. */
const most = 8;
const margin = 10;

/** What was found, worst first; then what could not be looked at. */
export function doctorLines(findings: readonly Finding[], unseen: readonly Unseen[], view: View): readonly string[] {
  return [
    ...headLines(findings, unseen, view),
    ...findings.flatMap((finding) => ['', ...findingLines(finding, view)]),
    ...(unseen.length === 0 ? [] : ['', ...unseenLines(unseen, view)]),
  ];
}

function headLines(findings: readonly Finding[], unseen: readonly Unseen[], { paint, width }: View): readonly string[] {
  if (findings.length === 0 && unseen.length === 0)
    return wrap('nothing found that weakens enforcement', width).map(paint.good);
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  const parts = severities
    .filter((severity) => count(severity) > 0)
    .map((severity) => numbered(count(severity), severity));
  if (findings.length === 0) parts.push('nothing found');
  if (unseen.length > 0) parts.push(`${counted(unseen.length, 'thing')} could not be looked at`);
  const worst = findings[0]?.severity ?? 'warning';
  return wrap(parts.join(', '), width).map(paint[looks[worst]]);
}

function numbered(count: number, severity: Severity): string {
  return severity === 'critical' ? `${count} critical` : counted(count, severity);
}

function findingLines({ code, severity, title, why, seen, mend }: Finding, view: View): readonly string[] {
  const { paint, width } = view;
  return [
    ...hanging(severity, `${title} [${code}]`, width, paint[looks[severity]], paint.strong),
    ...few(seen.map(safe)).flatMap((line, at) => hanging(at === 0 ? '  seen' : '', line, width, paint.faint)),
    ...hanging('  why', why, width, paint.faint),
    ...hanging('  mend', safe(mend.say), width, paint.faint),
    ...few(mend.lines.map(mendText)).flatMap((line) => hanging('', `  ${line}`, width, paint.faint)),
  ];
}

function mendText({ kind, text }: MendLine): string {
  return `${{ run: '# ', compose: 'compose: ', file: '' }[kind]}${safe(text)}`;
}

function few(lines: readonly string[]): readonly string[] {
  const distinct = [...new Set(lines)];
  if (distinct.length <= most + 1) return distinct;
  return [...distinct.slice(0, most), `and ${distinct.length - most} more: sluice doctor --json`];
}

function unseenLines(unseen: readonly Unseen[], { paint, width }: View): readonly string[] {
  return [
    ...wrap('Not looked at, so nothing is said of it:', width).map(paint.strong),
    ...unseen.flatMap(({ what, why, fix }) => [
      ...wrap(`${safe(what)}: ${safe(why)}`, width - 2).map((line) => `  ${paint.doubtful(line)}`),
      ...(fix === null ? [] : wrap(safe(fix), width - 4).map((line) => `    ${line}`)),
    ]),
  ];
}

function hanging(
  title: string,
  text: string,
  width: number,
  style: (text: string) => string,
  body = (line: string) => line,
): readonly string[] {
  const indent = /^ */.exec(text)?.[0] ?? '';
  return wrap(text.trimStart(), Math.max(width - margin - indent.length, 20)).map(
    (line, at) => `${at === 0 ? style(title.padEnd(margin)) : ' '.repeat(margin)}${indent}${body(line)}`,
  );
}
