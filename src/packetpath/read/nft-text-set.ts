import { type Expression, readElement, readLeft, readSetOf } from './nft-expression.ts';
import { readMapElement } from './nft-text-rule.ts';
import { Cursor, isName, isSpread, type Token } from './nft-token.ts';

/** What was read of a set so far. */
export interface SetDraft {
  type: unknown;
  leadsTo: unknown;
  flags: string[];
  timeout: boolean;
  elements: readonly unknown[];
}

export const emptySet = (): SetDraft => ({ type: null, leadsTo: null, flags: [], timeout: false, elements: [] });

/** Lines of a set that say nothing of what it holds. */
const ofSets =
  /^(size \d+|gc-interval \w+|auto-merge|counter( packets \d+ bytes \d+)?|comment .*|limit rate .*|quota .*|last( used \w+)?|ct count( over)? \d+|policy (performance|memory))$/;

/**
 * Takes a statement inside of a set or a map into what was read of it.
 *
 * @returns whether it is one that nft writes; where it is not, what the set holds is not certain
 */
export function takeSetLine(tokens: readonly Token[], draft: SetDraft, map: boolean): boolean {
  const cursor = new Cursor(tokens);
  const first = cursor.next()?.text;
  if (first !== 'elements' && isSpread(tokens)) return false;
  switch (first) {
    case 'type':
    case 'typeof': {
      const colon = tokens.findIndex(({ text, quoted }) => text === ':' && !quoted);
      const key = tokens.slice(1, colon < 0 ? tokens.length : colon);
      if (!isName(key[0])) return false;
      const names = key.flatMap(({ text }) => (text === '.' ? [] : [text]));
      draft.type = first === 'type' ? names : { typeof: readWhole(key) };
      draft.leadsTo =
        colon < 0
          ? null
          : tokens
              .slice(colon + 1)
              .map(({ text }) => text)
              .join(' ');
      return true;
    }
    case 'flags':
      draft.flags.push(...tokens.slice(1).map(({ text }) => text));
      return true;
    case 'timeout':
      draft.timeout = true;
      return true;
    case 'elements': {
      const read =
        cursor.accept('=') && cursor.accept('{') ? readSetOf(cursor, map ? readMapElement : readElement) : undefined;
      if (read === undefined || !cursor.done || isTorn(tokens) || !tokens.every(isPrintable)) return false;
      draft.elements = (read as { readonly set: readonly unknown[] }).set;
      return true;
    }
    default:
      return ofSets.test(tokens.map(({ text }) => text).join(' '));
  }
}

/** Whether nft can have written a word: anything but ASCII's own is in quotes at the most; people write an ellipsis. */
const isPrintable = ({ text, quoted }: Token): boolean => quoted || /^(?:[\x21-\x7e]*|…)$/.test(text);

/** Whether a line ends within an element: nft ends them behind a comma. */
function isTorn(tokens: readonly Token[]): boolean {
  return tokens.some(({ text, line }, index) => {
    const before = tokens[index - 1];
    return before !== undefined && before.line !== line && text !== '}' && before.text !== ',' && before.text !== '{';
  });
}

function readWhole(tokens: readonly Token[]): Expression | null {
  const cursor = new Cursor(tokens);
  const read = readLeft(cursor);
  return read !== undefined && cursor.done ? read : null;
}
