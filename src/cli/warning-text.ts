import { safe, wrap } from './text.ts';
import type { View } from './view.ts';

const margin = 'warning  '.length;

/** What weakens or narrows what is held and keeps nobody from applying it: each text once. Texts may be anybody's. */
export function warningLines(texts: readonly string[], { paint, width }: View): readonly string[] {
  return [...new Set(texts)].flatMap((text) =>
    wrap(safe(text), width - margin).map((line, at) => `${at === 0 ? paint.doubtful('warning') : '       '}  ${line}`),
  );
}
