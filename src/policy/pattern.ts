import type { NamePattern } from './model.ts';

/** A pattern from text that was checked already; `*` stands for any run of characters, the empty one included. */
export function patternOf(text: string): NamePattern {
  return { text, wild: text.includes('*') };
}

/** Whether a name matches. Every other character stands for itself; there are no escapes. */
export function matches(pattern: NamePattern, name: string): boolean {
  if (!pattern.wild) return pattern.text === name;
  return globMatches(pattern.text, name);
}

/** Whether every name that `inner` matches is matched by `outer` too. */
export function covers(outer: NamePattern, inner: NamePattern): boolean {
  if (!outer.wild) return !inner.wild && outer.text === inner.text;
  // a star of `inner` can stand for a character that `outer` does not spell, so only a star can take it
  return globMatches(outer.text, inner.text);
}

/** Classic two-pointer glob match: on a mismatch, let the last star take one character more. Linear in practice. */
function globMatches(glob: string, text: string): boolean {
  let g = 0;
  let t = 0;
  let star = -1;
  let mark = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      mark = t;
    } else if (g < glob.length && glob[g] === text[t]) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++mark;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** Whether some name matches both. */
export function intersects(a: NamePattern, b: NamePattern): boolean {
  if (!a.wild) return matches(b, a.text);
  if (!b.wild) return matches(a, b.text);
  // reached[j]: the first i characters of `a` and the first j of `b` can stand for the same text
  let reached = Array.from({ length: b.text.length + 1 }, (_, j) => /^\**$/.test(b.text.slice(0, j)));
  for (let i = 1; i <= a.text.length; i++) {
    const left = a.text[i - 1];
    const row = [left === '*' && reached[0] === true];
    for (let j = 1; j <= b.text.length; j++) {
      const right = b.text[j - 1];
      // a star ends before the other side's character, or takes it too
      const fits = left === '*' || right === '*' ? reached[j] || row[j - 1] : left === right && reached[j - 1];
      row.push(fits === true);
    }
    reached = row;
  }
  return reached[b.text.length] === true;
}

/** How many characters a pattern spells out; an exact name beats every pattern. */
export function specificity(pattern: NamePattern): number {
  return pattern.wild ? pattern.text.replaceAll('*', '').length : Number.POSITIVE_INFINITY;
}
