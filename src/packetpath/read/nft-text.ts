import type { TableFamily } from '../model.ts';
import type { Stretch, Unread } from './lines.ts';
import { familyNamed, type NftChain, type NftItem } from './nft-item.ts';
import { isXtTable, NftMeanings } from './nft-rule.ts';
import { isPlaced } from './nft-table.ts';
import { isQuiet, isQuietKind } from './nft-text-quiet.ts';
import { readTextRule } from './nft-text-rule.ts';
import { emptySet, type SetDraft, takeSetLine } from './nft-text-set.ts';
import { isMore, isUnknown, isWhole, mayBeRest, type Written } from './nft-text-wrapped.ts';
import { Cursor, isName, isSpread, type Token, tokensOf } from './nft-token.ts';
import { unreadRule } from './values.ts';

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
  | ChainBlock
  | { readonly kind: 'set'; readonly map: boolean; readonly name: string; readonly draft: SetDraft }
  | { readonly kind: 'flowtable'; readonly name: string; readonly devices: string[] }
  /** Of objects that decide nothing themselves: counters, helpers. */
  | { readonly kind: 'quiet'; readonly of: string }
  /** A table of a family that we do not know: none of its lines is read. */
  | { readonly kind: 'strange' };

interface ChainBlock {
  readonly kind: 'chain';
  readonly name: string;
  /** Index among the items. */
  readonly at: number;
}

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
  /** The rule read last, of the chain that is open. */
  #before: Written | null = null;
  /** Index of the line that has a policy without its word. */
  #policy = -1;
  /** The chain that was closed last, of the table that is open. */
  #closed: ChainBlock | null = null;

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
    if (left.size > 0 || this.#blocks.length > 0) this.#breakOff();
    while (this.#blocks.length > 0) this.#close(last);
  }

  /** Rules may be missing of the chain that was being read, elements of the set, and chains and tables behind them. */
  #breakOff(): void {
    this.#unread.gaps = true;
    const block = this.#blocks.at(-1);
    if (block?.kind === 'set') block.draft.timeout = true; // what it holds is not certain
    if (block?.kind !== 'chain') return;
    const before = this.#before;
    // the last word of a listing may be the beginning of one
    if (before?.isWhole === false && before.tokens.at(-1)?.line === this.#lines.length - 1)
      this.#doubt(before, 'the listing breaks off in it, perhaps');
    const left = this.#open;
    const text =
      left.length === 0 ? 'the listing breaks off: rules may be missing' : this.#source(left, 0, left.length);
    this.#unknown(block, text, left[0]?.line ?? this.#last);
  }

  /** A rule that cannot be read, at the end of a chain. */
  #unknown({ name, at }: ChainBlock, text: string, line: number): void {
    const { family, table } = this.items[at] as Extract<NftItem, { kind: 'chain' }>;
    const { steps } = unreadRule(text, { number: 0 });
    const rule = { handle: null, comment: null, counted: null, text, steps, feeds: [] };
    this.items.push({ kind: 'rule', family, table, chain: name, line: line + 1, ...rule });
    this.#before = null;
  }

  /** A rule that has been read is perhaps not all, or not one: nobody knows what it does. */
  #doubt({ at, tokens, steps }: Written, why: string): void {
    if (isUnknown(steps)) return;
    const rule = this.items[at] as Extract<NftItem, { kind: 'rule' }>;
    this.items[at] = { ...rule, steps: unreadRule(rule.text, { number: 0 }).steps };
    for (const line of new Set(tokens.map((token) => token.line))) this.#unread.add(this.#lines, line, why);
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
    return first !== undefined && isBlockKind(first) && (first !== 'ct' || second !== undefined);
  }

  #begin(): void {
    const tokens = this.#open;
    const words = this.#words();
    const line = (tokens[0]?.line ?? 0) + 1;
    this.#open = [];
    this.#before = null;
    const [kind, name = ''] = words;
    const table = this.#table();
    if (!isHeading(tokens)) {
      if (kind === 'table' || kind === 'chain') this.#lost(tokens);
      else this.#strange(tokens);
      this.#blocks.push({ kind: 'strange' });
    } else if (kind === 'table') {
      const family = familyNamed(words.length > 2 ? words[1] : 'ip');
      const named = words.at(-1) ?? '';
      this.#closed = null;
      if (family === undefined) {
        this.#unread.add(this.#lines, line - 1, 'a table of no known family');
        this.#unread.gaps = true;
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
    this.#before = null;
    if (block === undefined) {
      this.#unread.add(this.#lines, line, 'a brace that closes nothing');
      this.#unread.gaps = true;
      return;
    }
    if (block.kind === 'chain') this.#closed = block;
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
        if (takeSetLine(tokens, block.draft, block.map)) return;
        block.draft.timeout = true; // what it holds is not certain
        this.#strange(tokens);
        return;
      case 'table':
        if (first.text === 'flags' && tokens.some(({ text }) => text === 'dormant'))
          this.#change(block.at, { dormant: true });
        else if ((first.text !== 'flags' && first.text !== 'comment') || isSpread(tokens)) this.#outside(tokens);
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
        // beside tables stand prompts and notes; what has a block is neither
        if (tokens.some(({ text, quoted }) => text === '{' && !quoted)) this.#lost(tokens);
        else this.#strange(tokens);
    }
  }

  /** What stands in a table and in none of its chains may be a chain, or a rule of the one that was closed before. */
  #outside(tokens: readonly Token[]): void {
    this.#lost(tokens);
    const [first] = tokens;
    if (this.#closed === null || first === undefined || isBlockKind(first.text)) return;
    const text = this.#source(tokens, 0, tokens.length);
    if (/[a-z]/i.test(text)) this.#unknown(this.#closed, text, first.line);
  }

  /** What cannot be read, and may be a chain, or say where the kernel calls one. */
  #lost(tokens: readonly Token[]): void {
    this.#unread.gaps = true;
    this.#strange(tokens);
  }

  #strange(tokens: readonly Token[]): void {
    for (const line of new Set(tokens.map((token) => token.line)))
      this.#unread.add(this.#lines, line, 'not a part of nft list ruleset');
  }

  #change(at: number, change: Partial<Extract<NftItem, { kind: 'table' }> | NftChain>): void {
    this.items[at] = { ...this.items[at], ...change } as NftItem;
  }

  #inChain(tokens: readonly Token[], block: ChainBlock, handle: string | undefined): void {
    const { name, at } = block;
    const table = this.#table();
    const [first, second] = tokens;
    if (table === undefined || first === undefined) return this.#strange(tokens);
    const isFrame = !first.quoted && ['type', 'policy', 'comment'].includes(first.text);
    if (isFrame && isSpread(tokens)) {
      this.#lost(tokens);
      return this.#unknown(block, this.#source(tokens, 0, tokens.length), first.line);
    }
    if (first.text === 'type' && !first.quoted) {
      const base = typeLine(tokens);
      if (isPlaced({ name, ...base }, table.family)) return this.#change(at, base);
      this.#change(at, { unplaced: true });
      return base.hook === 'egress' ? this.#strange(tokens) : this.#lost(tokens); // which nobody's packet is followed to
    }
    if (first.text === 'policy' && !first.quoted) {
      const isPolicy = tokens.length === 2 && (second?.text === 'accept' || second?.text === 'drop');
      if (!isPolicy) this.#policy = first.line;
      if (!isPolicy || (this.items[at] as NftChain).hook === undefined) this.#lost(tokens); // of a chain that stands nowhere
      return isPolicy ? this.#change(at, { policy: second?.text }) : undefined;
    }
    if (first.text === 'comment' && tokens.length === 2) return;
    const source = (from: number, to: number): string => this.#source(tokens, from, to);
    const { statements, texts, comment, text } = readTextRule(new Cursor(tokens), source);
    const meaning = table.meanings.of(statements, texts);
    const { steps } = meaning;
    const before = this.#before;
    const isRest = before !== null && mayBeRest(before, tokens, steps);
    const indent = isRest ? before.indent : first.start;
    const written = { at: this.items.length, tokens, steps, indent, isWhole: isWhole(tokens, handle, comment) };
    this.#before = written;
    this.items.push({
      kind: 'rule',
      family: table.family,
      table: table.name,
      chain: name,
      handle: handle === undefined ? null : Number(handle),
      comment,
      text,
      line: first.line + 1,
      ...meaning,
    });
    if (isRest) this.#doubt(before, 'the line behind it may be the rest of it');
    if (isRest || (tokens.length === 1 && this.#policy === first.line - 1))
      this.#doubt(written, 'it may be the rest of the line before');
    else if (isMore(tokens, steps)) this.#doubt(written, 'it is more than one rule');
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

/** Whether what begins so is in a block of its own inside of a table. */
const isBlockKind = (word: string): boolean =>
  word === 'chain' || word === 'set' || word === 'map' || isQuietKind(word);

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
