import type { CanUndo } from '../doctor/undoing.ts';
import type { View } from './view.ts';
import { warningLines } from './warning-text.ts';

/** Who is enforced and can undo it, a line for each workload and right, with where more is said. */
export function undoingLines(canUndo: readonly CanUndo[], view: View): readonly string[] {
  return warningLines(
    canUndo.map(({ workload, message }) => `${workload} ${message}; see sluice doctor`),
    view,
  );
}
