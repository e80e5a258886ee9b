import type { Unheld } from '../ruleset/ruleset.ts';
import { safe, wrap } from './text.ts';
import type { View } from './view.ts';

/** Who is not held, as `--json` prints it. */
export function unheldJson({ container, workload, code, reason, fix, wanted, cutOff }: Unheld): object {
  return { container, workload, code, reason, fix, wanted, cutOff };
}

/** What is shown of one that is not held. */
export interface ShownUnheld extends Pick<Unheld, 'workload' | 'reason' | 'fix' | 'cutOff'> {
  /** The container's name. */
  readonly container: string;
  /** Whether it is to be enforced. */
  readonly isWanted: boolean;
}

/** Who is not held, why, and the next step; nothing when everybody is. */
export function unheldLines(unheld: readonly Unheld[], view: View): readonly string[] {
  const shown = unheld.map(({ container: { name }, wanted, ...rest }) => ({
    ...rest,
    container: name,
    isWanted: wanted === 'enforce',
  }));
  return shownUnheldLines(shown, view);
}

/** {@link unheldLines} of those whom the daemon names. */
export function shownUnheldLines(unheld: readonly ShownUnheld[], view: View): readonly string[] {
  return [
    ...underTitle(
      'Not held:',
      unheld.filter(({ cutOff }) => !cutOff),
      view,
    ),
    ...underTitle(
      'Cut off:',
      unheld.filter(({ cutOff }) => cutOff),
      view,
    ),
  ];
}

function underTitle(title: string, unheld: readonly ShownUnheld[], { paint, width }: View): readonly string[] {
  if (unheld.length === 0) return [];
  return [
    paint.strong(title),
    ...unheld.flatMap(({ container, workload, reason, fix, isWanted, cutOff }) => {
      const name = safe(workload === `container/${container}` ? workload : `${workload} (${container})`);
      const style = isWanted && !cutOff ? paint.bad : paint.doubtful;
      return [
        `  ${style(name)}`,
        ...[reason, fix].flatMap((text) => wrap(safe(text), width - 4).map((line) => `    ${line}`)),
      ];
    }),
  ];
}
