import type { Unheld } from '../ruleset/ruleset.ts';
import { safe, wrap } from './text.ts';
import type { View } from './view.ts';

/** Who is not held, as `--json` prints it. */
export function unheldJson({ container, workload, code, reason, fix, wanted }: Unheld): object {
  return { container, workload, code, reason, fix, wanted };
}

/** Who is not held, why, and the next step; nothing when everybody is. */
export function unheldLines(unheld: readonly Unheld[], { paint, width }: View): readonly string[] {
  if (unheld.length === 0) return [];
  return [
    paint.strong('Not held:'),
    ...unheld.flatMap(({ container, workload, reason, fix, wanted }) => {
      const name = safe(workload === `container/${container.name}` ? workload : `${workload} (${container.name})`);
      const style = wanted === 'enforce' ? paint.bad : paint.doubtful;
      return [
        `  ${style(name)}`,
        ...[reason, fix].flatMap((text) => wrap(safe(text), width - 4).map((line) => `    ${line}`)),
      ];
    }),
  ];
}
