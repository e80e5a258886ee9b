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
  const words = line.trim().split(/\s+/).join(' ');
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

interface Column {
  readonly text: string;
  readonly end: number;
}

/** More columns no rule has before its extras. */
const mostColumns = 10;

/** The columns of a line; undefined when it is not a rule. */
export function readRow(line: string, { numbers, verbose }: Shape): Row | undefined {
  const columns = columnsOf(line);
  let at = 0;
  const next = (): string => columns[at++]?.text ?? '';
  const number = numbers ? next() : '';
  if (numbers && !/^[0-9]{1,9}$/.test(number)) return undefined;
  const counted = verbose ? { packets: count(next()), bytes: count(next()) } : null;
  if (counted !== null && (Number.isNaN(counted.packets) || Number.isNaN(counted.bytes))) return undefined;
  const first = at;
  const option = isOpt(columns[first + 2]) ? first + 2 : isOpt(columns[first + 1]) ? first + 1 : undefined;
  const sides = verbose ? 2 : 0;
  // ip6tables before 1.8.9 leaves the column of `opt` empty: what comes before the addresses is counted back from them
  const address = option === undefined ? addressAt(columns, first + 1 + sides) : option + 1 + sides;
  const before = option ?? (address === undefined ? undefined : address - sides);
  if (address === undefined || before === undefined) return undefined;
  const [source, destination] = [columns[address], columns[address + 1]];
  if (source === undefined || destination === undefined || before - first > 2 || before === first) return undefined;
  const target = before - first === 2 ? (columns[first]?.text ?? '') : null;
  const header: Option[] = [
    ...address1('-s', source.text),
    ...address1('-d', destination.text),
    ...(verbose
      ? [...interface1('-i', columns[address - 2]?.text), ...interface1('-o', columns[address - 1]?.text)]
      : []),
    ...protocol1(columns[before - 1]?.text ?? ''),
    ...(option === undefined ? [] : fragment(columns[option]?.text)),
  ];
  const rest = line.slice(destination.end).trim();
  return {
    number: numbers ? Number(number) : null,
    counted: counted as Rule['counted'],
    target,
    header,
    extras: withoutNotes(rest),
    text: [...columns.slice(first, address + 2).map(({ text }) => text), ...(rest === '' ? [] : [rest])].join(' '),
    lost: verbose ? [] : ['interfaces'],
  };
}

function columnsOf(line: string): readonly Column[] {
  const columns: Column[] = [];
  const word = /\S+/g;
  for (let found = word.exec(line); found !== null && columns.length < mostColumns; found = word.exec(line))
    columns.push({ text: found[0], end: word.lastIndex });
  return columns;
}

const isOpt = (column: Column | undefined): boolean => /^(--|-f|!f)$/.test(column?.text ?? '');

/** The first of two columns that are addresses, not before the third. */
function addressAt(columns: readonly Column[], from: number): number | undefined {
  const isAddress = ({ text }: Column): boolean =>
    parseAddress(text.replace('!', '').split('/')[0] ?? '') !== undefined;
  const found = columns.findIndex((column, index) => index >= from && isAddress(column));
  return found < 0 ? undefined : found;
}

/** `271M`: thousands of thousands (iptables, print_num). */
function count(text: string): number {
  const found = /^([0-9]{1,20})([KMGTP]?)$/.exec(text);
  return found === null ? Number.NaN : Number(found[1]) * 1000 ** ' KMGTP'.indexOf(found[2] || ' ');
}

function option(name: string, value: string): Option {
  const not = value.startsWith('!');
  const text = not ? value.slice(1) : value;
  return { name, not, args: [text], text: `${not ? '! ' : ''}${name} ${text}` };
}

const address1 = (name: string, value: string): readonly Option[] =>
  value === '0.0.0.0/0' || value === '::/0' || value === 'anywhere' ? [] : [option(name, value)];

const interface1 = (name: string, value = '*'): readonly Option[] =>
  value === '*' || value === 'any' ? [] : [option(name, value)];

const protocol1 = (value: string): readonly Option[] => (value === 'all' || value === '0' ? [] : [option('-p', value)]);

function fragment(value = ''): readonly Option[] {
  if (value === '--') return [];
  return [{ name: '-f', not: value === '!f', args: [], text: value === '!f' ? '! -f' : '-f' }];
}

/** Notes at the end, such as the article's `(★1)`: no extension prints anything but ASCII there outside quotes. */
const withoutNotes = (text: string): string => text.replace(/\s*\([^\x00-\x7f][^()]*\)$/, '');
