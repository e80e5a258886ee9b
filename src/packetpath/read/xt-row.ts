import { parseAddress } from '../../ip/address.ts';
import type { Rule } from '../model.ts';
import type { Option } from './xt-option.ts';

/** Which columns a listing of `iptables -L` has. */
export interface Shape {
  readonly numbers: boolean;
  readonly verbose: boolean;
}

/** The columns by their heading: `num   pkts bytes target     prot opt in     out     source               destination` */
export function shapeOf(line: string): Shape | undefined {
  const words = line
    .trim()
    .split(/[ \t]+/)
    .join(' ');
  const plain = 'target prot opt source destination';
  const verbose = 'pkts bytes target prot opt in out source destination';
  if (words === plain || words === `num ${plain}`) return { numbers: words.startsWith('num'), verbose: false };
  if (words === verbose || words === `num ${verbose}`) return { numbers: words.startsWith('num'), verbose: true };
  return undefined;
}

/** One rule of `iptables -L`, taken apart by its columns. */
export interface Row {
  readonly number: number | null;
  readonly counted: Rule['counted'];
  readonly target: string | null;
  readonly header: readonly Option[];
  /** Behind the addresses, without the notes of whoever shows the listing. */
  readonly extras: string;
  /** The line without number and counters, blanks between columns made one. */
  readonly text: string;
  readonly lost: readonly string[];
}

/** The columns of a line: their texts and where they end. */
interface Columns {
  readonly texts: readonly string[];
  readonly ends: readonly number[];
}

/** More columns no rule has before its extras. */
const mostColumns = 10;

/** Where the columns of a rule stand, by their index. */
interface Layout {
  /** Of the target, or of the protocol of a rule that has none. */
  readonly first: number;
  readonly protocol: number;
  readonly option: number | undefined;
  readonly source: number;
}

/** Whether a line is a rule. */
export const isRow = (line: string, shape: Shape): boolean => layoutOf(columnsOf(line), shape) !== undefined;

/** Whether a line has the column of options, as every rule but those of older ip6tables. */
export const hasOption = (line: string): boolean => columnsOf(line).texts.some(isOpt);

/**
 * Whether a line that is no rule may be a damaged one, or stand for some that were left out: by an option, an address, a
 * number or a target in front; an ellipsis has no letter at all. What people say between rules has none of it.
 */
export function isRowLike(line: string): boolean {
  const { texts } = columnsOf(line);
  if (texts.some((text) => isOpt(text) || isAddress(text) || text === 'anywhere')) return true;
  return !Number.isNaN(count(texts[0])) || /^[A-Z][A-Z0-9_-]+$/.test(texts[0] ?? '') || !/[\p{L}\p{N}]/u.test(line);
}

function layoutOf({ texts }: Columns, { numbers, verbose }: Shape): Layout | undefined {
  let first = 0;
  if (numbers && !/^[0-9]{1,9}$/.test(texts[first++] ?? '')) return undefined;
  if (verbose && (Number.isNaN(count(texts[first++])) || Number.isNaN(count(texts[first++])))) return undefined;
  const option = isOpt(texts[first + 2]) ? first + 2 : isOpt(texts[first + 1]) ? first + 1 : undefined;
  const sides = verbose ? 2 : 0;
  // ip6tables before 1.8.9 leaves the column of `opt` empty: what comes before the addresses is counted back from them
  const source = option === undefined ? addressAt(texts, first + 1 + sides) : option + 1 + sides;
  const before = option ?? (source === undefined ? undefined : source - sides);
  if (source === undefined || before === undefined || texts[source + 1] === undefined) return undefined;
  if (before - first > 2 || before === first) return undefined;
  return { first, protocol: before - 1, option, source };
}

/** The columns of a line; undefined when it is not a rule. */
export function readRow(line: string, shape: Shape): Row | undefined {
  const columns = columnsOf(line);
  const layout = layoutOf(columns, shape);
  if (layout === undefined) return undefined;
  const { texts, ends } = columns;
  const { first, protocol, option, source } = layout;
  const header: Option[] = [];
  addAddress(header, '-s', texts[source] as string);
  addAddress(header, '-d', texts[source + 1] as string);
  if (shape.verbose) {
    addInterface(header, '-i', texts[source - 2] as string);
    addInterface(header, '-o', texts[source - 1] as string);
  }
  addProtocol(header, texts[protocol] as string);
  if (option !== undefined) addFragment(header, texts[option] as string);
  const rest = line.slice(ends[source + 1]).trim();
  const shown = texts.slice(first, source + 2).join(' ');
  return {
    number: shape.numbers ? Number(texts[0]) : null,
    counted: shape.verbose ? { packets: count(texts[first - 2]), bytes: count(texts[first - 1]) } : null,
    target: protocol === first ? null : (texts[first] as string),
    header,
    extras: withoutNotes(rest),
    text: rest === '' ? shown : `${shown} ${rest}`,
    lost: shape.verbose ? everything : withoutInterfaces,
  };
}

const everything: readonly string[] = [];
const withoutInterfaces: readonly string[] = ['interfaces'];

function columnsOf(line: string): Columns {
  const columns = { texts: [] as string[], ends: [] as number[] };
  let at = 0;
  while (columns.texts.length < mostColumns) {
    while (at < line.length && isSpace(line.charCodeAt(at))) at++;
    if (at === line.length) break;
    const start = at;
    while (at < line.length && !isSpace(line.charCodeAt(at))) at++;
    columns.texts.push(line.slice(start, at));
    columns.ends.push(at);
  }
  return columns;
}

/** As `\s` of a regular expression has it. */
const isSpace = (code: number): boolean =>
  code === 32 || (code >= 9 && code <= 13) || (code > 127 && /\s/.test(String.fromCharCode(code)));

const isOpt = (text: string | undefined): boolean => text === '--' || text === '-f' || text === '!f';

const isAddress = (text: string): boolean => parseAddress(text.replace('!', '').split('/')[0] ?? '') !== undefined;

/** The first of two columns that are addresses, not before the third. */
function addressAt(texts: readonly string[], from: number): number | undefined {
  const found = texts.findIndex((text, index) => index >= from && isAddress(text));
  return found < 0 ? undefined : found;
}

/** `271M`: thousands of thousands (iptables, print_num). */
function count(text = ''): number {
  if (text === '0') return 0;
  const found = /^([0-9]{1,20})([KMGTP]?)$/.exec(text);
  return found === null ? Number.NaN : Number(found[1]) * 1000 ** ' KMGTP'.indexOf(found[2] || ' ');
}

function option(name: string, value: string): Option {
  const not = value.startsWith('!');
  const text = not ? value.slice(1) : value;
  return { name, not, args: [text], text: `${not ? '! ' : ''}${name} ${text}` };
}

function addAddress(header: Option[], name: string, value: string): void {
  if (value !== '0.0.0.0/0' && value !== '::/0' && value !== 'anywhere') header.push(option(name, value));
}

function addInterface(header: Option[], name: string, value: string): void {
  if (value !== '*' && value !== 'any') header.push(option(name, value));
}

function addProtocol(header: Option[], value: string): void {
  if (value !== 'all' && value !== '0') header.push(option('-p', value));
}

function addFragment(header: Option[], value: string): void {
  if (value === '--') return;
  header.push({ name: '-f', not: value === '!f', args: [], text: value === '!f' ? '! -f' : '-f' });
}

/** Notes at the end, such as the article's `(★1)`: no extension prints anything but ASCII there outside quotes. */
const withoutNotes = (text: string): string =>
  text.endsWith(')') ? text.replace(/\s*\([^\x00-\x7f][^()]*\)$/, '') : text;
