import type { CanUndo } from '../doctor/undoing.ts';
import { safe, wrap } from './text.ts';
import type { View } from './view.ts';

const margin = 'warning  '.length;

/** Who is enforced and can undo it, a line for each workload and right, with where more is said. */
export function undoingLines(canUndo: readonly CanUndo[], { paint, width }: View): readonly string[] {
  const texts = new Set(canUndo.map(({ workload, message }) => `${workload} ${message}; see sluice doctor`));
  return [...texts].flatMap((text) =>
    wrap(safe(text), width - margin).map((line, at) => `${at === 0 ? paint.doubtful('warning') : '       '}  ${line}`),
  );
}
