import type { UnreadLine } from '../model.ts';

/** A stretch of a listing, by its lines; numbers of lines are from 1. */
export interface Stretch {
  readonly lines: readonly string[];
  /** Index of its first line, and of the one after its last. */
  readonly from: number;
  readonly to: number;
}

/** Gathers the lines that could not be read, with the reason. */
export class Unread {
  readonly lines: UnreadLine[] = [];
  /** Whether more may be missing than rules that stand in their chains as unread ones: see `gaps` of a listing. */
  gaps = false;
  readonly #told = new Set<string>();

  /**
   * Once for each reason, however often the line gives it: a line of a hundred thousand braces would be shown whole for each.
   *
   * @param index of the line, from 0
   */
  add(lines: readonly string[], index: number, why: string): void {
    const key = `${index} ${why}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.lines.push({ line: index + 1, text: lines[index] ?? '', why });
  }
}

/**
 * What iptables-nft and ebtables-nft say of tables in which others have put what they cannot list ("contains incompatible
 * base-chains", "is incompatible"): such a listing does not show everything.
 */
export const hidesChains = (line: string): boolean => /^# Table `\S+' (?:contains|is) incompatible\b/.test(line);

/** Why a line of that kind counts as unread. */
export const hiddenChains = 'the table has more than this listing shows: nft list ruleset shows it';

/** What a shell prints before a command, such as `root@host:~#` or `[root@host ~]$ exit`. */
export const isPrompt = (line: string): boolean => /^(?:\[[^\]"]*\]|[^\s"#$%>❯]*)(?:[#$%>❯]+$|[#$%❯]+ )/.test(line);

/** The lines without the blanks that all of them begin with: so a listing stands that was copied out of a page. */
export function unindented(lines: readonly string[]): readonly string[] {
  let shared: string | null = null;
  for (const line of lines) {
    const own = /^[ \t]*/.exec(line)?.[0] ?? '';
    if (own.length === line.length) continue;
    shared = shared === null ? own : sharedBeginning(shared, own);
    if (shared === '') return lines;
  }
  const width = shared?.length ?? 0;
  return width === 0 ? lines : lines.map((line) => line.slice(width));
}

function sharedBeginning(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
