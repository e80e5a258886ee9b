import type { Family } from '../../ip/address.ts';
import type { Listing, Table } from '../model.ts';
import { readEbSave } from './eb-save.ts';
import { finishIpsets, type Ipset, readIpsets } from './ipset.ts';
import { hiddenChains, hidesChains, Unread, unindented } from './lines.ts';
import type { NftItem } from './nft-item.ts';
import { readNftJson } from './nft-json.ts';
import { finishNft } from './nft-table.ts';
import { readNftText } from './nft-text.ts';
import { isAbout, type Section, sectionsOf } from './sections.ts';
import { isTwice } from './twice.ts';
import { readList } from './xt-list.ts';
import type { XtListedRule } from './xt-listed.ts';
import { headerOf, readSave, type XtHint } from './xt-save.ts';
import { familyOf, finishTable, type Ipsets, setsFed, type XtTable } from './xt-table.ts';

/** What a listing may leave unsaid: the engine, the family, the table of `iptables -S` and `iptables -L`. */
export type ListingHint = XtHint;

/** What the sections of a text hold. */
interface Gathered {
  readonly xt: XtTable[];
  readonly eb: Table[];
  readonly nft: NftItem[];
  readonly ipsets: Map<string, Ipset>;
}

/**
 * Reads a listing of anybody's rules: what `iptables-save`, `ip6tables-save`, `iptables -S`, `iptables -L`, `ebtables-save`,
 * `nft list ruleset` (or `nft -j`), `ipset save` and `ipset list` print, several of them one after the other, too. Never
 * throws: what cannot be read is in its rule as unknown, or among the unread lines.
 */
export function readListing(text: string, hint: ListingHint = {}): Listing {
  const lines = unindented(text.includes('\r') ? text.split(/\r?\n/) : text.split('\n'));
  const unread = new Unread();
  const gathered: Gathered = { xt: [], eb: [], nft: [], ipsets: new Map() };
  for (const section of sectionsOf(lines)) readSection(section, hint, unread, gathered);
  const ipsets = finishIpsets(gathered.ipsets, setsFed(gathered.xt), (index) =>
    unread.add(lines, index, 'a member that is not listed'),
  );
  const xt = finishTables(gathered.xt, ipsets, hint, lines, unread);
  const nft = Map.groupBy(finishNft(gathered.nft), (table) => isTwice(table, xt));
  const twice = nft.get(true);
  return {
    tables: [...xt, ...gathered.eb, ...(nft.get(false) ?? [])],
    unread: unread.lines.toSorted((a, b) => a.line - b.line),
    ...(twice === undefined ? {} : { twice }),
    ...(unread.gaps ? { gaps: true } : {}),
  };
}

function readSection(section: Section, hint: ListingHint, unread: Unread, { xt, eb, nft, ipsets }: Gathered): void {
  switch (section.form) {
    case 'save':
      xt.push(...readSave(section, hint, unread));
      return;
    case 'eb-save': {
      const { engine = 'unknown' } = headerOf(section.lines[section.from] ?? '') ?? {};
      eb.push(...readEbSave(section, engine, unread, eb));
      return;
    }
    case 'list':
      xt.push(...readList(section, hint, unread));
      return;
    case 'nft':
      nft.push(...readNftText(section, unread));
      return;
    case 'nft-json':
      nft.push(...readNftJson(section, unread));
      return;
    case 'ipset':
      readIpsets(section, unread, ipsets);
      return;
    case 'strange':
      for (let index = section.from; index < section.to; index++) strange(section.lines, index, unread);
  }
}

function strange(lines: readonly string[], index: number, unread: Unread): void {
  const line = lines[index] ?? '';
  if (hidesChains(line)) unread.add(lines, index, hiddenChains);
  else if (!saysNothing(line)) unread.add(lines, index, 'not part of a listing');
  if (isOfChains(line)) unread.gaps = true;
}

/** A block of nft's, or a chain of iptables-save, that stands in no table which can be read. */
const isOfChains = (line: string): boolean => /\{\s*$|^\s*:\S+ (?:ACCEPT|DROP|-)/.test(line);

const saysNothing = (line: string): boolean => line.trim() === '' || isAbout(line);

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
  return [...whole.values()].map(({ table, family }) => {
    return finishTable(table, family, ipsets, (rule, why) => unreadRule(rule, why, unread));
  });
}

/** A table that is listed a second time: which of the two stands, nothing says. */
function refuse(draft: XtTable, lines: readonly string[], unread: Unread): void {
  const why = `the table ${draft.name} is listed a second time`;
  unread.add(lines, draft.line - 1, why);
  for (const { rules } of draft.chains.values()) for (const rule of rules) unreadRule(rule, why, unread);
}

/** With all that was written, which may go over several lines. */
function unreadRule({ line, written }: XtListedRule, why: string, unread: Unread): void {
  unread.lines.push({ line, text: written, why });
}
