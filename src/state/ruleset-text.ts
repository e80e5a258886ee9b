import { type Address, formatAddress, parseAddress } from '../ip/address.ts';
import { type AddressSet, noAddresses } from '../ip/address-set.ts';
import type { Interval } from '../ip/interval.ts';
import { setKey } from '../ruleset/clause.ts';
import type { Clause, EnrolledBridge, Program, Ruleset } from '../ruleset/ruleset.ts';

/**
 * A ruleset as lines of JSON: everything but its programs, then a line for each program. The line of a program that is
 * the same object as before is not made again, since most of them stay when one container comes or goes.
 */
export function encodeRuleset({ programs, ...rest }: Ruleset): string {
  return [encodePart({ ...rest, programs: [] }), ...programs.map(encodeProgram)].join('\n');
}

/**
 * Reads what {@link encodeRuleset} wrote, and what version 1 wrote: one line with everything.
 *
 * @throws Error for a text that was cut or made by hand
 */
export function decodeRuleset(text: string): Ruleset {
  const [first = '', ...more] = text.split('\n').filter((line) => line !== '');
  const { programs, ...rest } = decodePart(first) as Ruleset;
  return { ...rest, programs: [...programs, ...more.flatMap((line) => decodePart(line).programs)] };
}

/** Makes the lines of its programs, which {@link encodeRuleset} then has; after each somebody else may have a turn. */
export function* encodeAhead({ programs }: Ruleset): Generator<void> {
  for (const program of programs) yield void encodeProgram(program);
}

const encodedPrograms = new WeakMap<Program, string>();

function encodeProgram(program: Program): string {
  const known = encodedPrograms.get(program);
  if (known !== undefined) return known;
  const line = encodePart({ programs: [program] });
  encodedPrograms.set(program, line);
  return line;
}

type RulesetPart = Partial<Ruleset> & Pick<Ruleset, 'programs'>;

/**
 * Most of a ruleset are clauses, a hundred thousand of them on a large host, so each is a short list of numbers: places
 * in tables of sets, texts and layer 4 matches.
 */
function encodePart(ruleset: RulesetPart): string {
  const sets = new Table<AddressSet, EncodedSet>(setKey, encodeSet);
  const texts = new Table<string, string>(
    (text) => text,
    (text) => text,
  );
  const layers = new Table<Clause['l4'], Clause['l4']>(
    (l4) => (l4 === 'any' ? l4 : JSON.stringify(l4)),
    (l4) => l4,
  );
  const clause = ({ plane, to, l4, until, entry, source }: Clause): EncodedClause => [
    plane === 'forward' ? 0 : 1,
    to.kind === 'addresses' ? sets.placeOf(to.set) : -1 - texts.placeOf(to.group),
    layers.placeOf(l4),
    until ?? null,
    texts.placeOf(entry),
    texts.placeOf(source.file),
    source.line,
    source.column,
    texts.placeOf(source.text),
  ];
  const { programs, ...rest } = ruleset;
  const judged = programs.map((program) => ({ ...program, ...mapLists(program, clause) }));
  const body = JSON.stringify({ ...rest, programs: judged }, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    if ('v4' in value) return { $set: sets.placeOf(value as AddressSet) };
    return 'family' in value ? { $address: formatAddress(value as Address) } : value;
  });
  const tables = JSON.stringify({ sets: sets.values, texts: texts.values, layers: layers.values });
  return `[${tables},${body}]`;
}

function decodePart(text: string): RulesetPart {
  const [tables, body] = JSON.parse(text) as [Tables, Encoded];
  const sets = tables.sets.map(decodeSet);
  const clause = ([plane, to, l4, until, entry, file, line, column, written]: EncodedClause): Clause => ({
    plane: plane === 0 ? 'forward' : 'host',
    to: to < 0 ? { kind: 'group', group: at(tables.texts, -1 - to) } : { kind: 'addresses', set: at(sets, to) },
    l4: at(tables.layers, l4),
    ...(until === null ? {} : { until }),
    entry: at(tables.texts, entry),
    source: { file: at(tables.texts, file), line, column, text: at(tables.texts, written) },
  });
  const restore = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(restore);
    const { $set, $address } = value as Record<string, unknown>;
    if (typeof $set === 'number') return at(sets, $set);
    if (typeof $address === 'string') return addressOf($address);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, restore(item)]));
  };
  const { programs, ...rest } = body;
  const decoded = programs.map((program): Program => ({ ...program, ...mapLists(program, clause) }));
  const restored = restore(rest) as Partial<Ruleset>;
  return {
    ...restored,
    ...(restored.bridges === undefined ? {} : { bridges: restored.bridges.map(withPlaces) }),
    programs: decoded,
  };
}

/** What was written before there were places: nothing is sent to whom nobody knows until the host has been read. */
function withPlaces(bridge: EnrolledBridge): EnrolledBridge {
  const { unknown } = bridge;
  return unknown.kind === 'judge' && !('places' in unknown)
    ? { ...bridge, unknown: { ...(unknown as EnrolledBridge['unknown'] & { kind: 'judge' }), places: noAddresses } }
    : bridge;
}

/** plane, set (or a group, below zero), layer 4, until, entry; then of the source file, line, column and text */
type EncodedClause = readonly [number, number, number, number | null, number, number, number, number, number];
type EncodedInterval = readonly [string, string];
type EncodedSet = readonly [readonly EncodedInterval[], readonly EncodedInterval[]];

type Lists<T> = Readonly<Record<'guard' | 'except' | 'deny' | 'allow', readonly T[]>>;

interface Encoded {
  readonly programs: readonly (Omit<Program, keyof Lists<unknown>> & Lists<EncodedClause>)[];
}

interface Tables {
  readonly sets: readonly EncodedSet[];
  readonly texts: readonly string[];
  readonly layers: readonly Clause['l4'][];
}

function mapLists<A, B>({ guard, except, deny, allow }: Lists<A>, change: (one: A) => B): Lists<B> {
  return { guard: guard.map(change), except: except.map(change), deny: deny.map(change), allow: allow.map(change) };
}

/** Values by their key, each once. */
class Table<T, E> {
  readonly values: E[] = [];
  readonly #keyOf: (value: T) => string;
  readonly #encode: (value: T) => E;
  readonly #places = new Map<string, number>();

  constructor(keyOf: (value: T) => string, encode: (value: T) => E) {
    this.#keyOf = keyOf;
    this.#encode = encode;
  }

  placeOf(value: T): number {
    const key = this.#keyOf(value);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.values.push(this.#encode(value)) - 1;
      this.#places.set(key, place);
    }
    return place;
  }
}

function encodeSet({ v4, v6 }: AddressSet): EncodedSet {
  const of = (intervals: readonly Interval[]) =>
    intervals.map(({ low, high }): EncodedInterval => [low.toString(16), high.toString(16)]);
  return [of(v4), of(v6)];
}

function decodeSet([v4, v6]: EncodedSet): AddressSet {
  const of = (intervals: readonly EncodedInterval[]) =>
    intervals.map(([low, high]) => ({ low: BigInt(`0x${low}`), high: BigInt(`0x${high}`) }));
  return { v4: of(v4), v6: of(v6) };
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`not an address: ${text}`);
  return address;
}

function at<T>(list: readonly T[], place: number): T {
  const value = list[place];
  if (value === undefined) throw new Error('it refers to something that is not in it');
  return value;
}
