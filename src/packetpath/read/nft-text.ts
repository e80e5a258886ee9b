import type { TableFamily } from '../model.ts';
import type { Stretch, Unread } from './lines.ts';
import { familyNamed, type NftChain, type NftItem } from './nft-item.ts';
import { isXtTable, NftMeanings } from './nft-rule.ts';
import { isPlaced } from './nft-table.ts';
import { isQuiet, isQuietKind } from './nft-text-quiet.ts';
import { readTextRule } from './nft-text-rule.ts';
import { emptySet, type SetDraft, takeSetLine } from './nft-text-set.ts';
import { Cursor, isName, isSpread, type Token, tokensOf } from './nft-token.ts';

/** Reads what `nft list ruleset` prints, also with `-a`, and parts of it such as `nft list chain`. */
export function readNftText(stretch: Stretch, unread: Unread): readonly NftItem[] {
  const reader = new TextReader(stretch.lines, unread);
  for (let index = stretch.from; index < stretch.to; index++) reader.take(index);
  reader.finish();
  return reader.items;
}

/** What the reader is inside of. */
type Block =
  | {
      readonly kind: 'table';
      readonly family: TableFamily;
      readonly name: string;
      readonly at: number;
      readonly meanings: NftMeanings;
    }
  | { readonly kind: 'chain'; readonly name: string; readonly at: number }
  | { readonly kind: 'set'; readonly map: boolean; readonly name: string; readonly draft: SetDraft }
  | { readonly kind: 'flowtable'; readonly name: string; readonly devices: string[] }
  /** Of objects that decide nothing themselves: counters, helpers. */
  | { readonly kind: 'quiet'; readonly of: string }
  /** A table of a family that we do not know: none of its lines is read. */
  | { readonly kind: 'strange' };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class TextReader {
  readonly items: NftItem[] = [];
  readonly #lines: readonly string[];
  readonly #unread: Unread;
  readonly #blocks: Block[] = [];
  /** Words of a statement that goes on in the next line, inside of braces. */
  #open: Token[] = [];
  #depth = 0;
  /** Index of the last line that was taken. */
  #last = 0;

  constructor(lines: readonly string[], unread: Unread) {
    this.#lines = lines;
    this.#unread = unread;
  }

  take(index: number): void {
    this.#last = index;
    const { tokens, comment } = tokensOf(this.#lines[index] ?? '', index);
    const handle = comment === null ? undefined : /^handle ([0-9]{1,15})\b/.exec(comment)?.[1];
    const inside = this.#blocks.at(-1)?.kind;
    for (const token of tokens) this.#take(token);
    // `# xt_recent …`: what an iptables extension is to a nft that cannot show it, and the rest of its rule
    if (
      comment !== null &&
      (handle === undefined || this.#depth > 0) &&
      inside === 'chain' &&
      (tokens.length > 0 || comment.startsWith('xt_'))
    )
      this.#open.push({
        text: `# ${comment}`,
        quoted: false,
        line: index,
        start: (this.#lines[index] ?? '').indexOf('#'),
        end: (this.#lines[index] ?? '').length,
      });
    if (this.#depth === 0 && this.#open.length > 0) this.#end(handle);
  }

  finish(): void {
    const left = new Set(this.#open.map(({ line }) => line));
    for (const line of left) this.#unread.add(this.#lines, line, 'the listing breaks off in it');
    const last = this.#last;
    if (left.size === 0 && this.#blocks.length > 0)
      this.#unread.add(this.#lines, last, 'the listing breaks off behind it: a brace is not closed');
    while (this.#blocks.length > 0) this.#close(last);
  }

  #take(token: Token): void {
    if (token.quoted || (token.text !== '{' && token.text !== '}' && token.text !== ';')) {
      this.#open.push(token);
      return;
    }
    const isBlock = this.#depth === 0 && token.text === '{' && this.#beginsBlock();
    if (isBlock) return this.#begin();
    if (token.text === '{') {
      this.#depth++;
      this.#open.push(token);
    } else if (token.text === '}' && this.#depth > 0) {
      this.#depth--;
      this.#open.push(token);
    } else if (token.text === ';' && this.#depth > 0) this.#open.push(token);
    else {
      this.#end(undefined);
      if (token.text === '}') this.#close(token.line);
    }
  }

  #words(): readonly string[] {
    return this.#open.map(({ text }) => text);
  }

  #beginsBlock(): boolean {
    const [first, second] = this.#words();
    const inside = this.#blocks.at(-1)?.kind;
    if (inside === undefined) return first === 'table';
    if (inside !== 'table') return false;
    return (
      first === 'chain' ||
      first === 'set' ||
      first === 'map' ||
      (first !== undefined && first !== 'ct' && isQuietKind(first)) ||
      (first === 'ct' && second !== undefined)
    );
  }

  #begin(): void {
    const tokens = this.#open;
    const words = this.#words();
    const line = (tokens[0]?.line ?? 0) + 1;
    this.#open = [];
    const [kind, name = ''] = words;
    const table = this.#table();
    if (!isHeading(tokens)) {
      this.#strange(tokens);
      this.#blocks.push({ kind: 'strange' });
    } else if (kind === 'table') {
      const family = familyNamed(words.length > 2 ? words[1] : 'ip');
      const named = words.at(-1) ?? '';
      if (family === undefined) {
        this.#unread.add(this.#lines, line - 1, 'a table of no known family');
        this.#blocks.push({ kind: 'strange' });
        return;
      }
      const meanings = new NftMeanings(family, isXtTable(family, named));
      this.#blocks.push({ kind: 'table', family, name: named, at: this.items.length, meanings });
      this.items.push({ kind: 'table', family, name: named, dormant: false, line });
    } else if (kind === 'chain' && table !== undefined) {
      this.#blocks.push({ kind: 'chain', name, at: this.items.length });
      this.items.push({ kind: 'chain', family: table.family, table: table.name, name, line });
    } else if (kind === 'set' || kind === 'map') {
      this.#blocks.push({ kind: 'set', map: kind === 'map', name, draft: emptySet() });
    } else if (kind === 'flowtable') this.#blocks.push({ kind: 'flowtable', name, devices: [] });
    else this.#blocks.push({ kind: 'quiet', of: kind ?? '' });
  }

  #table(): Extract<Block, { kind: 'table' }> | undefined {
    return this.#blocks.findLast((block) => block.kind === 'table');
  }

  #close(line: number): void {
    const block = this.#blocks.pop();
    if (block === undefined) {
      this.#unread.add(this.#lines, line, 'a brace that closes nothing');
      return;
    }
    const table = this.#table();
    if (table === undefined) return;
    const owned = { family: table.family, table: table.name, line: line + 1 };
    if (block.kind === 'flowtable')
      this.items.push({ kind: 'flowtable', ...owned, name: block.name, devices: block.devices });
    if (block.kind !== 'set') return;
    const { type, leadsTo, flags, timeout, elements } = block.draft;
    this.items.push({
      kind: 'set',
      ...owned,
      name: block.name,
      type,
      map: block.map ? leadsTo : null,
      flags,
      timeout,
      elements,
    });
  }

  /** A statement is whole: a line, or what stood before a `;`. */
  #end(handle: string | undefined): void {
    const tokens = this.#open;
    this.#open = [];
    const [first] = tokens;
    if (first === undefined) return;
    const block = this.#blocks.at(-1);
    switch (block?.kind) {
      case 'chain':
        return this.#inChain(tokens, block, handle);
      case 'set':
        if (!takeSetLine(tokens, block.draft, block.map)) this.#strange(tokens);
        return;
      case 'table':
        if (first.text === 'flags' && tokens.some(({ text }) => text === 'dormant'))
          this.#change(block.at, { dormant: true });
        else if ((first.text !== 'flags' && first.text !== 'comment') || isSpread(tokens)) this.#strange(tokens);
        return;
      case 'flowtable':
        // `devices = { "eth0", br0 }`
        if (!isQuiet(tokens, block.kind)) this.#strange(tokens);
        else if (first.text === 'devices')
          block.devices.push(...tokens.slice(1).flatMap(({ text }) => (/^[={},]$/.test(text) ? [] : [text])));
        return;
      case 'quiet':
        if (!isQuiet(tokens, block.of)) this.#strange(tokens);
        return;
      default:
        this.#strange(tokens);
    }
  }

  #strange(tokens: readonly Token[]): void {
    for (const line of new Set(tokens.map((token) => token.line)))
      this.#unread.add(this.#lines, line, 'not a part of nft list ruleset');
  }

  #change(at: number, change: Partial<Extract<NftItem, { kind: 'table' }> | NftChain>): void {
    this.items[at] = { ...this.items[at], ...change } as NftItem;
  }

  #inChain(
    tokens: readonly Token[],
    { name, at }: Extract<Block, { kind: 'chain' }>,
    handle: string | undefined,
  ): void {
    const table = this.#table();
    const [first, second] = tokens;
    if (table === undefined || first === undefined) return this.#strange(tokens);
    const isFrame = !first.quoted && ['type', 'policy', 'comment'].includes(first.text);
    if (isFrame && isSpread(tokens)) return this.#strange(tokens);
    if (first.text === 'type' && !first.quoted) {
      const base = typeLine(tokens);
      if (isPlaced({ name, ...base }, table.family)) return this.#change(at, base);
      this.#change(at, { unplaced: true });
      return this.#strange(tokens);
    }
    if (first.text === 'policy' && !first.quoted) {
      const isPolicy = tokens.length === 2 && (second?.text === 'accept' || second?.text === 'drop');
      return isPolicy ? this.#change(at, { policy: second?.text }) : this.#strange(tokens);
    }
    if (first.text === 'comment' && tokens.length === 2) return;
    const source = (from: number, to: number): string => this.#source(tokens, from, to);
    const { statements, texts, comment, text } = readTextRule(new Cursor(tokens), source);
    this.items.push({
      kind: 'rule',
      family: table.family,
      table: table.name,
      chain: name,
      handle: handle === undefined ? null : Number(handle),
      comment,
      text,
      line: first.line + 1,
      ...table.meanings.of(statements, texts),
    });
  }

  /** Some of the words as they stand in the listing; lines put together with one blank. */
  #source(words: readonly Token[], from: number, to: number): string {
    const [first, last] = [words[from] as Token, words[to - 1] as Token];
    if (first.line === last.line) return (this.#lines[first.line] as string).slice(first.start, last.end);
    const parts: string[] = [];
    for (let start = from; start < to; ) {
      const begin = words[start] as Token;
      let end = start;
      while (end + 1 < to && words[end + 1]?.line === begin.line) end++;
      parts.push((this.#lines[begin.line] ?? '').slice(begin.start, words[end]?.end));
      start = end + 1;
    }
    return parts.join(' ');
  }
}

/** `table inet t`, `table t`, `chain c`, `ct helper h`: what begins a block, on one line, with its name. */
function isHeading(tokens: readonly Token[]): boolean {
  const [first] = tokens;
  const most = first?.text === 'table' || first?.text === 'ct' ? 3 : 2;
  const least = first?.text === 'ct' ? 3 : 2;
  return tokens.length >= least && tokens.length <= most && tokens.every(isName) && !isSpread(tokens);
}

/** `type filter hook forward priority filter - 10`, with `device "eth0"` of some. */
function typeLine(tokens: readonly Token[]): Partial<Mutable<NftChain>> {
  const after = (word: string): number => tokens.findIndex(({ text, quoted }) => text === word && !quoted) + 1;
  const priority = after('priority');
  return {
    type: tokens[1]?.text,
    hook: tokens[after('hook')]?.text,
    priority: tokens
      .slice(priority)
      .map(({ text }) => text)
      .join(' '),
    ...(after('device') > 0 ? { device: tokens[after('device')]?.text } : {}),
  };
}
