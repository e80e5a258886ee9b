import type { Family } from '../../ip/address.ts';
import { parseAddress } from '../../ip/address.ts';
import { isPrompt, type Stretch, type Unread } from './lines.ts';
import { readExtras } from './xt-extras.ts';
import { hasOption, isRow, isRowLike, readRow, type Shape, shapeOf } from './xt-row.ts';
import type { XtHint } from './xt-save.ts';
import { hookOrder, isBuiltIn, tableWith, type XtChain, type XtTable } from './xt-table.ts';

/** Reads what `iptables -L` prints, with or without `-v`, `-n` and `--line-numbers`, also where a page has wrapped its lines. */
export function readList(stretch: Stretch, hint: XtHint, unread: Unread): readonly XtTable[] {
  const reader = new ListReader(stretch.lines, hint, unread);
  for (let index = stretch.from; index < stretch.to; index++) reader.take(index);
  return reader.finish();
}

interface ListedChain extends XtChain {
  readonly line: number;
}

/** A rule whose line may go on in the next one. */
interface OpenRow {
  /** Of its lines. */
  readonly indexes: number[];
  /** null: the heading that says which columns it has is lost. */
  readonly shape: Shape | null;
  /** Whether the first of them is a rule. */
  readonly begun: boolean;
  /** Whether a page has wrapped the others: its width shows it. */
  wrapped: boolean;
  text: string;
  /** Length of the last of its lines. */
  width: number;
}

/** No terminal is narrower: a shorter line was not wrapped. */
const narrowest = 79;
/** No rule goes over more. */
const longest = 4096;

class ListReader {
  readonly #lines: readonly string[];
  readonly #hint: XtHint;
  readonly #unread: Unread;
  readonly #tables: XtTable[] = [];
  #chains = new Map<string, ListedChain>();
  #chain: ListedChain | null = null;
  #shape: Shape | null = null;
  #row: OpenRow | null = null;
  /** The width at which the page wraps. */
  #wrapped = 0;

  constructor(lines: readonly string[], hint: XtHint, unread: Unread) {
    this.#lines = lines;
    this.#hint = hint;
    this.#unread = unread;
  }

  take(index: number): void {
    const line = (this.#lines[index] ?? '').trimEnd();
    if (line === '') return this.#endRow();
    if (line.startsWith('Chain ')) return this.#begin(chainOf(line), index);
    const shape = line.endsWith('destination') ? shapeOf(line) : undefined;
    if (shape !== undefined && this.#chain !== null) return this.#head(shape, index);
    if (line.startsWith('# ') || line.startsWith('$ ')) return this.#endRow(); // a prompt
    if (this.#chain === null) return this.#strange(index);
    if (this.#shape !== null && isRow(line, this.#shape)) return this.#open(line, index, true);
    if (isPrompt(line)) this.#endRow();
    else if (this.#goesOn(line, index)) return;
    else if (isRowLike(line)) return this.#open(line, index, false);
    this.#unread.add(this.#lines, index, noRule);
  }

  finish(): readonly XtTable[] {
    this.#close();
    return this.#tables;
  }

  #begin(line: ChainLine | undefined, index: number): void {
    this.#endRow();
    if (line === undefined) return this.#headless(index);
    const { name, policy } = line;
    if (this.#chains.has(name) || (policy !== null && this.#isBehind(name))) this.#close(); // the next listing
    this.#chain = { policy, rules: [], line: index + 1 };
    this.#chains.set(name, this.#chain);
    this.#shape = null;
  }

  /** Whether a chain of the kernel's cannot follow the last one: iptables lists them first, in the order of their hooks. */
  #isBehind(name: string): boolean {
    const last = [...this.#chains].at(-1);
    if (last === undefined) return false;
    return last[1].policy === null || hookOrder.indexOf(last[0]) > hookOrder.indexOf(name);
  }

  /** The columns; where a chain has them already, those of another, whose name is lost. */
  #head(shape: Shape, index: number): void {
    this.#endRow();
    if (this.#shape !== null) this.#headless(index);
    this.#shape = shape;
  }

  #headless(index: number): void {
    this.#unread.gaps = true;
    this.#unread.add(this.#lines, index, 'the head of a chain cannot be read');
    this.#chain = null;
  }

  /** What stands in no chain whose name can be read. */
  #strange(index: number): void {
    if (isRowLike(this.#lines[index] ?? '')) this.#unread.gaps = true;
    this.#unread.add(this.#lines, index, 'not in a chain');
  }

  /** A rule begins, though it may be one that cannot be read. */
  #open(line: string, index: number, begun: boolean): void {
    this.#endRow();
    this.#row = { indexes: [index], shape: this.#shape, begun, wrapped: true, text: line, width: line.length };
  }

  /**
   * The rest of a line that a page has wrapped, in the middle of a word or at a blank that is gone then. The column of
   * options is in no rest, unless in a comment: such a line is a rule that is damaged. Behind a short line, which mails wrap,
   * what can be a part of a rule may be its rest.
   */
  #goesOn(line: string, index: number): boolean {
    const row = this.#row;
    if (row === null || row.text.length > longest) return false;
    const isIn = row.text.lastIndexOf('/*') > row.text.lastIndexOf('*/'); // a comment
    if (hasOption(line) && !isIn) return false;
    const isWide = row.width >= Math.max(narrowest, this.#wrapped - 4);
    if (!isWide && (row.indexes.at(-1) !== index - 1 || !(isIn || isRowLike(line) || isPart(line)))) return false;
    row.indexes.push(index);
    row.wrapped &&= isWide;
    row.text += row.width < this.#wrapped || !isWide ? ` ${line}` : line;
    if (isWide) this.#wrapped = Math.max(this.#wrapped, row.width);
    row.width = line.length;
    return true;
  }

  #endRow(): void {
    const row = this.#row;
    this.#row = null;
    if (row === null || this.#chain === null) return;
    const { indexes, shape, begun, wrapped, text } = row;
    const [first = 0, ...rest] = indexes;
    const listed = { line: first + 1, written: text, shape, counted: null };
    const isKnown = rest.length === 0 ? begun : wrapped && shape !== null && isWhole(text, shape);
    this.#chain.rules.push(isKnown ? listed : { ...listed, isTold: true });
    if (isKnown) return;
    this.#unread.add(this.#lines, first, begun ? 'the line behind it may be the rest of it' : noRule);
    for (const index of rest) this.#unread.add(this.#lines, index, noRule);
  }

  #close(): void {
    this.#endRow();
    const [first] = this.#chains.values();
    if (first === undefined) return;
    const name =
      this.#hint.table ?? tableWith([...this.#chains].flatMap(([key, { policy }]) => (policy === null ? [] : [key])));
    const { engine = 'unknown' } = this.#hint;
    const family = familyOfRows(this.#chains.values()) ?? this.#hint.family ?? null;
    const chains = new Map(
      [...this.#chains].map(([key, { policy, rules }]) => [
        key,
        { policy: isBuiltIn(name, key) ? policy : null, rules },
      ]),
    );
    this.#tables.push({ engine, family, name, line: first.line, chains });
    this.#chains = new Map();
    this.#chain = null;
    this.#shape = null;
  }
}

const noRule = 'not a rule of iptables -L';

/** Whether lines that were put together are a rule in which everything is understood: then they are one for certain. */
function isWhole(text: string, shape: Shape): boolean {
  const row = readRow(text, shape);
  return row !== undefined && readExtras(row.extras, row.target).matches.every(({ module }) => module !== '');
}

/** Whether a line can be the end of a rule: words that an extension prints, or one that a wrap has cut. */
function isPart(line: string): boolean {
  const { matches, options, goto } = readExtras(line, null);
  return matches.some(({ module }) => module !== '') || options.length > 0 || goto || !/\S\s+\S/.test(line);
}

interface ChainLine {
  readonly name: string;
  readonly policy: 'accept' | 'drop' | null;
}

/** `Chain FORWARD (policy DROP 0 packets, 0 bytes)`, `Chain DOCKER (2 references)` */
function chainOf(line: string): ChainLine | undefined {
  const found = /^Chain (\S+) \((?:policy (ACCEPT|DROP)\b[^)]*|[0-9]+ references|[^)]* refs?\b[^)]*)\)/.exec(line);
  if (found === null) return undefined;
  const [, name = '', policy] = found;
  return { name, policy: policy === undefined ? null : policy === 'ACCEPT' ? 'accept' : 'drop' };
}

/** Every rule shows its addresses, `0.0.0.0/0` or `::/0` at the least. */
function familyOfRows(chains: Iterable<XtChain>): Family | null {
  for (const { rules } of chains) {
    for (const { written } of rules) {
      for (const word of written.split(' ')) {
        const address = parseAddress(word.replace('!', '').split('/')[0] ?? '');
        if (address !== undefined) return address.family;
      }
    }
  }
  return null;
}
