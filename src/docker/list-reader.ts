import { type Entries, type Members, pruned, type Shape } from './shape.ts';

/** A list of JSON, as far as it was to be kept. */
export interface ListRead {
  readonly entries: readonly unknown[];
  /** What was kept of the entries that are too long all the same, up to where that was seen: JSON without its end. */
  readonly tooLong: readonly string[];
  /** Of the whole list as it came. */
  readonly bytes: number;
}

/** Bytes of a text, as JSON writes it, that are kept: at least 21,000 characters, for an escaped one takes six. */
export const longestText = 128 << 10;
/** Characters of what is kept of an entry, unless told. */
const longestEntry = 8 << 20;
/** Bytes of a list that is read at its end, all at once: that takes a tenth of the time, and as much memory as it is long. */
const short = 4 << 20;
/** Bytes of a number, `true`, `false` or `null`: no engine writes longer ones. */
const longestScalar = 1_000;

/**
 * Bytes of a text that are looked at one by one before its next quote is searched for, which is native and some fifty times as fast:
 * a search that finds one at once costs as much as these.
 */
const stride = 32;

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** An object or list that is kept, while it comes. */
interface Frame {
  readonly shape: Members | Entries;
  readonly close: number;
  /** Members or entries that were kept, and of those the ones that count as others. */
  kept: number;
  others: number;
  wants: 'first' | 'key' | 'colon' | 'value' | 'more';
  /** What the key says of the value to come. */
  next: Shape | undefined;
}

type Within = 'structure' | 'key' | 'text' | 'scalar' | 'skipped' | 'skipped text' | 'skipped scalar';

/** Reads a list of JSON, of which no more is held than is kept, and a few megabytes. */
export class ListReader {
  readonly #shape: Shape;
  readonly #longest: number;
  #held: Buffer[] = [];
  #bytes = 0;
  #long: LongListReader | null = null;

  /**
   * @param shape of each entry
   * @param longest characters of what is kept of an entry
   */
  constructor(shape: Shape, longest = longestEntry) {
    this.#shape = shape;
    this.#longest = longest;
  }

  /** The next piece of it. */
  add(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#long === null && this.#bytes > short) {
      this.#long = new LongListReader(this.#shape, this.#longest);
      for (const one of this.#held) this.#long.add(one);
      this.#held = [];
    }
    if (this.#long === null) this.#held.push(piece);
    else this.#long.add(piece);
  }

  /** The list; undefined where it was none, or not all of one. */
  end(): ListRead | undefined {
    if (this.#long !== null) return this.#long.end();
    const entries = parsed(Buffer.concat(this.#held).toString());
    if (!Array.isArray(entries)) return undefined;
    return { entries: entries.map((one) => pruned(one, this.#shape)), tooLong: [], bytes: this.#bytes };
  }
}

/**
 * Reads a list of JSON in the pieces it comes in, and keeps of each entry what its shape names: memory is bounded by
 * what is kept, whatever the entries hold besides. Long texts are cut at {@link longestText}. A value of another kind than its shape
 * is kept as an empty one of its kind, so that whoever reads it sees that it is wrong.
 */
export class LongListReader {
  readonly #stack: Frame[] = [];
  readonly #shape: Shape;
  readonly #longest: number;
  readonly #entries: unknown[] = [];
  readonly #tooLong: string[] = [];
  #within: Within = 'structure';
  /** What is kept of the entry under way. */
  #out = '';
  /** The key or text under way, and its bytes so far; those beyond the longest are not among them. */
  #pieces: Buffer[] = [];
  #length = 0;
  #escaped = false;
  /** Brackets that are open in what is skipped. */
  #depth = 0;
  #bytes = 0;
  #state: 'before' | 'inside' | 'after' | 'broken' = 'before';

  /**
   * @param shape of each entry
   * @param longest characters of what is kept of an entry
   */
  constructor(shape: Shape, longest = longestEntry) {
    this.#shape = shape;
    this.#longest = longest;
  }

  add(piece: Buffer): void {
    this.#bytes += piece.length;
    for (let at = 0; at < piece.length && this.#state !== 'broken'; ) at = this.#read(piece, at);
  }

  /** The list; undefined where it was none, or not all of one. */
  end(): ListRead | undefined {
    if (this.#state !== 'after') return undefined;
    return { entries: this.#entries, tooLong: this.#tooLong, bytes: this.#bytes };
  }

  /** Reads on, and returns where it has come to. */
  #read(piece: Buffer, at: number): number {
    switch (this.#within) {
      case 'key':
      case 'text':
      case 'skipped text':
        return this.#readText(piece, at);
      case 'skipped':
        return this.#skip(piece, at);
      case 'scalar':
      case 'skipped scalar':
        return this.#readScalar(piece, at);
      case 'structure':
        this.#take(piece[at] as number);
        return this.#isWithinScalar() ? at : at + 1; // which this byte is one of
    }
  }

  #isWithinScalar(): boolean {
    return this.#within === 'scalar' || this.#within === 'skipped scalar';
  }

  #readText(piece: Buffer, from: number): number {
    const at = this.#endOfText(piece, from);
    const isWhole = this.#length === 0 && at < piece.length && at - from <= longestText;
    if (this.#within === 'skipped text') {
      if (at < piece.length) this.#within = this.#depth > 0 ? 'skipped' : 'structure';
    } else if (isWhole) this.#endText(piece.toString('utf8', from, at));
    else {
      this.#hold(piece.subarray(from, Math.min(at, from + longestText + 1 - this.#length)));
      if (at < piece.length) this.#endText(this.#heldText());
    }
    return Math.min(at + 1, piece.length);
  }

  /** The place of the quote that ends the text under way, or the piece's end. */
  #endOfText(piece: Buffer, from: number): number {
    let at = from;
    let escaped = this.#escaped;
    while (at < piece.length) {
      for (const near = Math.min(piece.length, at + stride); at < near; at++) {
        if (escaped) escaped = false;
        else if (piece[at] === backslash) escaped = true;
        else if (piece[at] === quote) {
          this.#escaped = false;
          return at;
        }
      }
      const next = piece.indexOf(quote, at);
      const end = next < 0 ? piece.length : next;
      escaped = isEscaped(piece, at, end, escaped);
      at = end;
    }
    this.#escaped = escaped;
    return at;
  }

  #hold(part: Buffer): void {
    if (this.#length > longestText) return;
    this.#pieces.push(part);
    this.#length += part.length;
  }

  #heldText(): string {
    const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const text = (this.#length > longestText ? cut(bytes) : bytes).toString();
    this.#pieces = [];
    this.#length = 0;
    return text;
  }

  #endText(bare: string): void {
    const text = `"${bare}"`;
    const isKey = this.#within === 'key';
    this.#within = 'structure';
    if (isKey) this.#key(text);
    else this.#keep(text);
  }

  #key(text: string): void {
    const frame = this.#stack.at(-1) as Frame;
    const { of, always, others } = frame.shape as Members;
    const key = text.includes('\\') ? parsed(text) : text.slice(1, -1);
    if (typeof key !== 'string') return this.#break();
    frame.wants = 'colon';
    frame.next = of(key);
    if (frame.next === undefined) return;
    if (!always.has(key) && ++frame.others > others) {
      frame.next = undefined;
      return;
    }
    this.#keep(`${frame.kept++ > 0 ? ',' : ''}${text}:`);
  }

  /** What is inside brackets that nobody reads. */
  #skip(piece: Buffer, from: number): number {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at];
      if (byte === quote) {
        this.#within = 'skipped text';
        return at + 1;
      }
      if (byte === openObject || byte === openList) this.#depth++;
      else if ((byte === closeObject || byte === closeList) && --this.#depth === 0) {
        this.#within = 'structure';
        return at + 1;
      }
    }
    return piece.length;
  }

  #readScalar(piece: Buffer, from: number): number {
    let at = from;
    while (at < piece.length && isOfScalar(piece[at] as number)) at++;
    this.#length += at - from;
    if (this.#length > longestScalar) this.#break();
    else if (this.#within === 'scalar') this.#keep(piece.toString('latin1', from, at));
    if (at === piece.length) return at;
    this.#length = 0;
    this.#within = this.#depth > 0 ? 'skipped' : 'structure';
    return at;
  }

  /** A byte outside of texts, numbers and what is skipped. */
  #take(byte: number): void {
    if (isSpace(byte)) return;
    const frame = this.#stack.at(-1);
    if (frame === undefined) return this.#takeOutside(byte);
    const isList = frame.close === closeList;
    const isNext = frame.wants === 'more' && byte === comma;
    if (byte === frame.close && (frame.wants === 'first' || frame.wants === 'more')) return this.#close();
    if (isNext) {
      if (this.#stack.length === 1) this.#endEntry();
      frame.wants = isList ? 'value' : 'key';
    } else if (frame.wants === 'colon' && byte === colon) frame.wants = 'value';
    else if (!isList && byte === quote && (frame.wants === 'first' || frame.wants === 'key')) this.#within = 'key';
    else if (frame.wants === 'value' || (frame.wants === 'first' && isList)) this.#begin(frame, byte);
    else this.#break();
  }

  #takeOutside(byte: number): void {
    if (this.#state !== 'before' || byte !== openList) return this.#break();
    this.#state = 'inside';
    const shape: Entries = { kind: 'entries', of: this.#shape, most: Infinity };
    this.#stack.push({ shape, close: closeList, kept: 0, others: 0, wants: 'first', next: undefined });
  }

  /** A value begins with this byte. */
  #begin(frame: Frame, byte: number): void {
    frame.wants = 'more';
    const shape = frame.shape.kind === 'members' ? frame.next : this.#nextEntry(frame, frame.shape);
    if (byte === closeList || byte === closeObject || byte === comma || byte === colon) return this.#break();
    if (byte === quote) {
      this.#within = shape === undefined ? 'skipped text' : 'text';
      return;
    }
    if (byte !== openObject && byte !== openList) {
      this.#within = shape === undefined ? 'skipped scalar' : 'scalar';
      return;
    }
    const isObject = byte === openObject;
    if (shape !== undefined && shape !== 'plain' && (shape.kind === 'members') === isObject) {
      const close = isObject ? closeObject : closeList;
      this.#stack.push({ shape, close, kept: 0, others: 0, wants: 'first', next: undefined });
      this.#keep(isObject ? '{' : '[');
      return;
    }
    if (shape !== undefined) this.#keep(isObject ? '{}' : '[]');
    this.#depth++;
    this.#within = 'skipped';
  }

  #nextEntry(frame: Frame, { of, most }: Entries): Shape | undefined {
    if (frame.kept >= most) return undefined;
    if (frame.kept++ > 0 && this.#stack.length > 1) this.#out += ',';
    return of;
  }

  #close(): void {
    const frame = this.#stack.pop() as Frame;
    if (this.#stack.length > 0) return this.#keep(String.fromCharCode(frame.close));
    if (frame.kept > 0) this.#endEntry();
    if (this.#state === 'inside') this.#state = 'after';
  }

  /** An entry has ended that was not too long. */
  #endEntry(): void {
    const text = this.#out;
    this.#out = '';
    if (text === '') return; // it was too long
    const entry = parsed(text);
    if (entry === undefined) return this.#break();
    this.#entries.push(entry);
  }

  #keep(text: string): void {
    this.#out += text;
    if (this.#out.length <= this.#longest) return;
    this.#tooLong.push(copy(this.#out.slice(0, 2 * longestText)));
    this.#out = '';
    // its rest is skipped: all that is open above the list
    this.#depth += this.#stack.length - 1;
    this.#stack.length = 1;
    if (this.#depth === 0) return;
    if (this.#within === 'structure') this.#within = 'skipped';
    else if (this.#within === 'scalar') this.#within = 'skipped scalar';
  }

  #break(): void {
    this.#state = 'broken';
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isOfScalar(byte: number): boolean {
  return (
    !isSpace(byte) &&
    byte !== comma &&
    byte !== colon &&
    byte !== quote &&
    byte !== closeList &&
    byte !== closeObject &&
    byte !== openList &&
    byte !== openObject
  );
}

/** Whether the byte at `end` is, where `escaped` says so of the one at `from`, and in between there is no quote. */
function isEscaped(bytes: Buffer, from: number, end: number, escaped: boolean): boolean {
  let first = end;
  while (first > from && bytes[first - 1] === backslash) first--;
  // backslashes go in pairs from the first of a row on, which is itself escaped or not where the row begins at `from`
  const isOdd = (end - first) % 2 === 1;
  return first === from ? isOdd !== escaped : isOdd;
}

/** A text's beginning that ends neither within a character nor within an escape. */
function cut(bytes: Buffer): Buffer {
  let end = longestText;
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
  // an escape has six bytes at most; backslashes go in pairs from the first of a row on
  const last = bytes.lastIndexOf(backslash, end - 1);
  if (last < end - 6) return bytes.subarray(0, end);
  let first = last;
  while (first > 0 && bytes[first - 1] === backslash) first--;
  return bytes.subarray(0, (last - first) % 2 === 0 ? last : end);
}

/** The same text in memory of its own: a part of a text holds all of it. */
function copy(text: string): string {
  return Buffer.from(text).toString();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
