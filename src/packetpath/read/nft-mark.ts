import type { Action } from '../model.ts';
import { asList, isObject, onlyEntry } from './nft-item.ts';
import { parseNumber } from './values.ts';

type Mark = 'packet' | 'ct';
const full = 0xffffffffn;

/** A value as what it keeps of a mark and what it turns: `(mark & keep) ^ turn`. */
interface Kept {
  readonly of: Mark | null;
  readonly keep: bigint;
  readonly turn: bigint;
}

/** What `meta mark set …` and `ct mark set …` do; undefined: something else is set, or from something else. */
export function readMark(key: unknown, value: unknown): Action | undefined {
  const to = markOf(key);
  const made = keptOf(value);
  if (to === undefined || made === undefined) return undefined;
  const { keep, turn } = made;
  if (made.of === null || keep === 0n) return { kind: 'set-mark', of: to, value: turn, mask: full };
  if (made.of === to) return { kind: 'set-mark', of: to, value: turn, mask: ~keep & full };
  return keep === full && turn === 0n ? { kind: 'copy-mark', from: made.of, mask: full } : undefined;
}

function markOf(expression: unknown): Mark | undefined {
  const [kind, inside] = onlyEntry(expression) ?? [];
  if (!isObject(inside) || inside['key'] !== 'mark') return undefined;
  return kind === 'meta' ? 'packet' : kind === 'ct' ? 'ct' : undefined;
}

function keptOf(expression: unknown): Kept | undefined {
  const number = numberOf(expression);
  if (number !== undefined) return { of: null, keep: 0n, turn: number };
  const mark = markOf(expression);
  if (mark !== undefined) return { of: mark, keep: full, turn: 0n };
  const [operator, inside] = onlyEntry(expression) ?? [];
  const [first, ...rest] = asList(inside);
  let made = first === undefined ? undefined : keptOf(first);
  for (const operand of rest) {
    const bits = numberOf(operand);
    if (made === undefined || bits === undefined) return undefined;
    made = applied(operator, made, bits);
  }
  return made;
}

function applied(operator: string | undefined, { of, keep, turn }: Kept, bits: bigint): Kept | undefined {
  switch (operator) {
    case '&':
      return { of, keep: keep & bits, turn: turn & bits };
    case '|':
      return { of, keep: keep & ~bits & full, turn: (turn & ~bits & full) | bits };
    case '^':
      return { of, keep, turn: turn ^ bits };
    default:
      return undefined;
  }
}

function numberOf(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? BigInt(value) & full : undefined;
  return typeof value === 'string' ? parseNumber(value) : undefined;
}
