import type { KeyPart, Verdict } from './model.ts';

/** Text that two keys of a set share when they are equal, and only then. */
export function keyText(key: readonly KeyPart[]): string {
  let text = '';
  for (const part of key) {
    if ('name' in part) text += `${part.name} `;
    else text += part.low === part.high ? `${part.low} ` : `${part.low}-${part.high} `;
  }
  return text;
}

/** Whether two elements lead to the same; undefined is that of a set, which leads nowhere. */
export function isSameVerdict(a: Verdict | undefined, b: Verdict | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.kind === b.kind && ('chain' in a ? a.chain : '') === ('chain' in b ? b.chain : '');
}
