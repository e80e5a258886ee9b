import type { Family } from '../../ip/address.ts';
import { parseAddress } from '../../ip/address.ts';
import type { Stretch, Unread } from './lines.ts';
import { isRow, type Shape, shapeOf } from './xt-row.ts';
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
  readonly index: number;
  readonly shape: Shape;
  text: string;
  /** Length of the last of its lines. */
  width: number;
}

/** No terminal is narrower: a shorter line was not wrapped. */
const narrowest = 79;

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
    const chain = line.startsWith('Chain ') ? chainOf(line) : undefined;
    if (chain !== undefined) return this.#begin(chain, index);
    const shape = line.endsWith('destination') ? shapeOf(line) : undefined;
    if (shape !== undefined && this.#chain !== null) {
      this.#endRow();
      this.#shape = shape;
      return;
    }
    if (line.startsWith('# ') || line.startsWith('$ ')) return this.#endRow(); // a prompt
    if (this.#chain === null || this.#shape === null) return this.#unread.add(this.#lines, index, 'not in a chain');
    if (isRow(line, this.#shape)) {
      this.#endRow();
      this.#row = { index, shape: this.#shape, text: line, width: line.length };
      return;
    }
    if (!this.#goesOn(line)) this.#unread.add(this.#lines, index, 'not a rule of iptables -L');
  }

  finish(): readonly XtTable[] {
    this.#close();
    return this.#tables;
  }

  #begin({ name, policy }: ChainLine, index: number): void {
    this.#endRow();
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

  /** The rest of a line that a page has wrapped, in the middle of a word or at a blank that is gone then. */
  #goesOn(line: string): boolean {
    const row = this.#row;
    if (row === null || row.width < Math.max(narrowest, this.#wrapped - 4)) return false;
    row.text += row.width < this.#wrapped ? ` ${line}` : line;
    this.#wrapped = Math.max(this.#wrapped, row.width);
    row.width = line.length;
    return true;
  }

  #endRow(): void {
    const row = this.#row;
    this.#row = null;
    if (row === null || this.#chain === null) return;
    this.#chain.rules.push({ line: row.index + 1, written: row.text, shape: row.shape, counted: null });
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
