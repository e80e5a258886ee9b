import type { Family } from '../../ip/address.ts';
import type { Listing, Table } from '../model.ts';
import { Unread } from './lines.ts';
import { type Section, sectionsOf } from './sections.ts';
import { readList } from './xt-list.ts';
import { readSave, type XtHint } from './xt-save.ts';
import { familyOf, finishTable, type Ipsets, type XtTable } from './xt-table.ts';

/** What a listing may leave unsaid: the engine, the family, the table of `iptables -S` and `iptables -L`. */
export type ListingHint = XtHint;

/**
 * Reads a listing of anybody's rules: what `iptables-save`, `ip6tables-save`, `iptables -S` and `iptables -L` print, several
 * of them one after the other, too. Never throws: what cannot be read is in its rule as unknown, or among the unread lines.
 */
export function readListing(text: string, hint: ListingHint = {}): Listing {
  const lines = text.split(/\r?\n/);
  const unread = new Unread();
  const drafts = sectionsOf(lines).flatMap((section) => readSection(section, hint, unread));
  const tables = finishTables(drafts, { kinds: new Map(), sets: [] }, hint, lines, unread);
  return { tables, unread: unread.lines.toSorted((a, b) => a.line - b.line) };
}

function readSection(section: Section, hint: ListingHint, unread: Unread): readonly XtTable[] {
  switch (section.form) {
    case 'save':
      return readSave(section, hint, unread);
    case 'list':
      return readList(section, hint, unread);
    case 'strange':
      for (let index = section.from; index < section.to; index++)
        if ((section.lines[index] ?? '').trim() !== '') unread.add(section.lines, index, 'not part of a listing');
      return [];
  }
}

/** The tables of iptables, each once: parts of one that were listed one by one are put together. */
function finishTables(
  drafts: readonly XtTable[],
  ipsets: Ipsets,
  hint: ListingHint,
  lines: readonly string[],
  unread: Unread,
): readonly Table[] {
  const whole = new Map<string, { readonly table: XtTable; readonly family: Family }>();
  for (const table of drafts) {
    const family: Family = table.family ?? familyOf(table) ?? hint.family ?? 4;
    const key = `${table.engine} ${family} ${table.name}`;
    const before = whole.get(key)?.table;
    if (before === undefined) whole.set(key, { table, family });
    else if ([...table.chains.keys()].some((name) => before.chains.has(name))) refuse(table, lines, unread);
    else for (const [name, chain] of table.chains) before.chains.set(name, chain);
  }
  return [...whole.values()].map(({ table, family }) => finishTable(table, family, ipsets));
}

/** A table that is listed a second time: which of the two stands, nothing says. */
function refuse(draft: XtTable, lines: readonly string[], unread: Unread): void {
  const why = `the table ${draft.name} is listed a second time`;
  unread.add(lines, draft.line - 1, why);
  for (const { rules } of draft.chains.values()) for (const rule of rules) unread.add(lines, rule.line - 1, why);
}
