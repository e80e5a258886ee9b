/** Characters that are read at once: what they are made into is garbage before it is old. */
const share = 65_536;

const beginning = /^\s*\{\s*"nftables"\s*:\s*\[/;
const ending = /\]\s*\}\s*$/;
const anotherRule = '{"rule":';

/**
 * Takes the objects of `{ "nftables": [ … ] }` one by one, without ever having them all: a listing of many rules is millions of
 * objects. It is cut in front of rules: no string holds the characters between which it is, since its quotation marks are
 * escaped there; a rule that stands inside of something else makes a share that is no JSON.
 *
 * @returns false: it is not written so, or no JSON, and whatever was taken means nothing
 */
export function jsonObjects(text: string, take: (object: unknown) => void): boolean {
  const from = beginning.exec(text)?.[0].length ?? 0;
  const end = from === 0 ? -1 : text.length - (ending.exec(text.slice(-64))?.[0].length ?? text.length + 1);
  if (end < from) return false;
  for (let start = from; start < end; ) {
    const cut = cutBehind(text, start + share, end);
    let objects: unknown;
    try {
      objects = JSON.parse(`[${text.slice(start, cut)}]`);
    } catch {
      return false; // or it is JSON that goes on behind the list
    }
    for (const object of objects as readonly unknown[]) take(object);
    start = cut + 1;
  }
  return true;
}

/** Index of the next comma in front of a rule; the end where there is none. */
function cutBehind(text: string, from: number, end: number): number {
  for (let at = text.indexOf(anotherRule, from); at >= 0 && at < end; at = text.indexOf(anotherRule, at + 1)) {
    let comma = at - 1;
    while (comma >= from && blanks.has(text.charCodeAt(comma))) comma--;
    if (comma >= from && text[comma] === ',') return comma;
  }
  return end;
}

const blanks: ReadonlySet<number> = new Set([9, 10, 13, 32]);
