import { diagnostic } from './codes.ts';
import type { Diagnostic } from './diagnostic.ts';
import type { WorkloadSelector } from './model.ts';
import { parsePattern } from './names.ts';
import { type Piece, part, type Report } from './piece.ts';

/** Reads `PROJECT/SERVICE` or `container/NAME`; `*` may stand in each name. */
export function readSelector(piece: Piece, report: Report): WorkloadSelector | undefined {
  const { text, at } = piece;
  if (text === '') {
    report(
      diagnostic('emptySelector', at, 'an empty selector names nothing', {
        fix: 'write PROJECT/SERVICE or container/NAME',
      }),
    );
    return undefined;
  }
  const slash = text.indexOf('/');
  if (slash < 0) {
    report(
      diagnostic('malformed', at, `"${text}" is not a workload: PROJECT/SERVICE or container/NAME`, {
        fix: `write "${text}/*" for every service of a project, "container/${text}" for a container`,
      }),
    );
    return undefined;
  }
  const first = part(piece, 0, slash);
  const second = part(piece, slash + 1);
  if (second.text.includes('/')) {
    const fix = first.text === 'project' ? `write "${second.text}"` : undefined;
    report(diagnostic('malformed', at, `one "/" too many in "${text}"`, { fix }));
    return undefined;
  }
  if (first.text === 'container') {
    const name = parsePattern(second, 'container', report);
    return name && { kind: 'container', name };
  }
  const project = parsePattern(first, 'project', report);
  const service = parsePattern(second, 'service', report);
  return project && service && { kind: 'service', project, service };
}

/** Reads the workload of a command line. */
export function parseWorkloadSelector(
  text: string,
): { readonly selector: WorkloadSelector } | { readonly diagnostics: readonly Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const at = { file: 'command line', line: 0, column: 0, text };
  const selector = readSelector({ text, at }, (found) => diagnostics.push(found));
  return selector === undefined ? { diagnostics } : { selector };
}
