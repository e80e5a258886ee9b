import type { Listing } from '../../src/packetpath/model.ts';

/** Lines of a listing that are neither blank nor a rule's nor unread, and are not what holds rules together. */
export function lostLines(text: string, listing: Listing): readonly string[] {
  const found = new Set(listing.unread.map(({ line }) => line));
  const texts = listing.unread.map((one) => bareOf(one.text));
  for (const { chains, sets } of [...listing.tables, ...(listing.twice ?? [])]) {
    for (const { rules } of chains) {
      for (const { place, text: rule } of rules) {
        found.add(place.line ?? 0);
        texts.push(bareOf(rule));
      }
    }
    for (const { name } of sets) texts.push(name);
  }
  const all = texts.join('\n');
  const asked = new Map<string, boolean>();
  const isIn = (bare: string): boolean => {
    const known = asked.get(bare) ?? all.includes(bare);
    asked.set(bare, known);
    return known;
  };
  const lines = text.split(/\r?\n/);
  const elements = linesOfElements(lines, found);
  return lines.filter((line, index) => {
    if (elements.has(index)) return false;
    const bare = line.replace(/# handle \d+\s*$|^[\s;]+/g, '').trim(); // which a rule has apart from its text
    if (found.has(index + 1) || bare === '' || frame.test(bare)) return false;
    // the rest of a rule that goes over several lines; nft's comment is not in the rule's text
    return !isIn(bareOf(bare)) && !isIn(bareOf(bare.replace(/\bcomment *"[^"]*("|$)/, '')));
  });
}

/** Between the braces of elements: those are read whole, or unread whole, with the line they begin in. */
function linesOfElements(lines: readonly string[], unread: ReadonlySet<number>): ReadonlySet<number> {
  const inside = new Set<number>();
  for (let at = 0; at < lines.length; at++) {
    if (unread.has(at + 1) || !/\belements *= *\{[^}]*$/.test(lines[at] ?? '')) continue;
    while (++at < lines.length && !lines[at]?.includes('}')) inside.add(at);
  }
  return inside;
}

/** Counters are not in a rule's text, where it is understood. */
function bareOf(text: string): string {
  return text.replaceAll(/\bcounter\b( packets \d+ bytes \d+)?|\s/g, '');
}

/** Lines that are no rules and have been understood: headings, chains, policies, sets and their elements, comments, braces. */
const frame =
  /^(#|\$ |\*|:|COMMIT$|-[PN] |Chain |(num +)?(pkts +bytes +)?target +prot|table |chain |set |map |type |typeof |policy |flags |elements |timeout |size |counter|comment |packets |quota |limit |rate |over |ct (helper|count) |l3proto |gc-interval |auto-merge|[0-9a-fA-F.:]+([/,][^ ]+)?( +(nomatch|wildcard|timeout|packets|skbmark|skbprio|skbqueue|comment)\b.*)?$|"|\}|[0-9a-f.:"].*[,}]$|create |add |Name:|Type:|Revision:|Header:|Size|References|Number|Members)/;

/** Name of a chain whose rules are not in the order of the listing's lines; undefined where there is none. */
export function misplaced(listing: Listing): string | undefined {
  const isSorted = (lines: readonly number[]) => lines.every((line, at) => at === 0 || (lines[at - 1] ?? 0) <= line);
  const chains = listing.tables.flatMap((table) => table.chains);
  return chains.find(({ rules }) => !isSorted(rules.map(({ place }) => place.line ?? 0)))?.name;
}
