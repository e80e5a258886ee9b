import type { Family } from '../../ip/address.ts';
import type { Listing, Table } from '../model.ts';
import { type Stretch, Unread } from './lines.ts';
import { readSave, type XtHint } from './xt-save.ts';
import { familyOf, finishTable, type Ipsets, type XtTable } from './xt-table.ts';

/** What a listing may leave unsaid: the engine, the family, the table of `iptables -S` and `iptables -L`. */
export type ListingHint = XtHint;

/**
 * Reads a listing of anybody's rules: what `iptables-save`, `ip6tables-save` and `iptables -S` print, several of them one
 * after the other, too. Never throws: what cannot be read is in its rule as unknown, or among the unread lines.
 */
export function readListing(text: string, hint: ListingHint = {}): Listing {
  const lines = text.split(/\r?\n/);
  const unread = new Unread();
  const whole: Stretch = { lines, from: 0, to: lines.length };
  const drafts = readSave(whole, hint, unread);
  const tables = finishTables(drafts, { kinds: new Map(), sets: [] }, hint, lines, unread);
  return { tables, unread: unread.lines.toSorted((a, b) => a.line - b.line) };
}

/** The tables of iptables, each once. */
function finishTables(
  drafts: readonly XtTable[],
  ipsets: Ipsets,
  hint: ListingHint,
  lines: readonly string[],
  unread: Unread,
): readonly Table[] {
  const seen = new Map<string, Table>();
  for (const draft of drafts) {
    const family: Family = draft.family ?? familyOf(draft) ?? hint.family ?? 4;
    const key = `${draft.engine} ${family} ${draft.name}`;
    if (!seen.has(key)) seen.set(key, finishTable(draft, family, ipsets));
    else refuse(draft, lines, unread);
  }
  return [...seen.values()];
}

/** A table that is listed a second time: which of the two stands, nothing says. */
function refuse(draft: XtTable, lines: readonly string[], unread: Unread): void {
  const why = `the table ${draft.name} is listed a second time`;
  unread.add(lines, draft.line - 1, why);
  for (const { rules } of draft.chains.values()) for (const rule of rules) unread.add(lines, rule.line - 1, why);
}
