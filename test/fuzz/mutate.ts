import type { Random } from '../agreement/random.ts';

/** Changes to bytes as broken and hostile writers make them. */

/** Longest input, bytes: beyond it only the time of a run grows. */
export const longestInput = 256 * 1024;

type Change = (bytes: Buffer, random: Random, others: readonly Buffer[], words: readonly string[]) => Buffer;

/**
 * An input made of one of a corpus: one to eight changes, mostly few.
 *
 * @param words what the format says with, put in here and there
 */
export function mutate(random: Random, corpus: readonly Buffer[], words: readonly string[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus) ?? Buffer.alloc(0));
  const count = 1 + Math.floor(random.next() ** 3 * 8);
  for (let change = 0; change < count; change++) {
    bytes = random.pick(changes)(bytes, random, corpus, words);
    if (bytes.length > longestInput) bytes = bytes.subarray(0, longestInput);
  }
  return bytes;
}

const edges: readonly [number, ...number[]] = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 17, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff,
];
const numbers = [
  '0',
  '-1',
  '-0',
  '00',
  '1e999',
  '0x10',
  '65536',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '1.5',
  'NaN',
  '9'.repeat(400),
];
/** Cut, overlong and forbidden sequences of UTF-8, characters that end lines or turn text round, and a lone record separator. */
const strange = [
  [0xff],
  [0xc0, 0x80],
  [0xe0, 0x80],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf0, 0x9f],
  [0xef, 0xbb, 0xbf],
  [0x00],
  [0x0d],
  [0x0b],
  [0x1b, 0x5b],
  [0x1e],
  [0xc2, 0x85],
  [0xe2, 0x80, 0xa8],
  [0xe2, 0x80, 0xae],
].map((bytes) => Buffer.from(bytes));

const place = (random: Random, bytes: Buffer): number => random.between(0, bytes.length);

/** Two places, the first before the second; mostly near each other. */
function stretch(random: Random, bytes: Buffer): readonly [number, number] {
  const start = place(random, bytes);
  const longest = random.next() < 0.7 ? 40 : bytes.length;
  return [start, Math.min(bytes.length, start + random.between(0, longest))];
}

function replaced(bytes: Buffer, start: number, end: number, piece: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), piece, bytes.subarray(end)]);
}

/** Stretches of a text between two of the same sign: lines, words, items. */
function pieces(bytes: Buffer, random: Random): { readonly sign: string; readonly list: string[] } {
  const sign = random.pick(['\n', '\n', ' ', ',', ':', '"', '{', ';'] as const);
  return { sign, list: bytes.toString('latin1').split(sign) };
}

const joined = ({ sign, list }: { readonly sign: string; readonly list: readonly string[] }): Buffer =>
  Buffer.from(list.join(sign), 'latin1');

const changes: readonly [Change, ...Change[]] = [
  function flip(bytes, random) {
    const at = random.between(0, bytes.length - 1);
    if (bytes.length > 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
    return bytes;
  },
  function set(bytes, random) {
    if (bytes.length > 0) bytes[random.between(0, bytes.length - 1)] = random.between(0, 255);
    return bytes;
  },
  /** A length or a count, as binary formats have it: an edge, or what is left from there and a little more or less. */
  function number(bytes, random) {
    const size = random.pick([1, 2, 4] as const);
    if (bytes.length < size) return bytes;
    const at = random.between(0, bytes.length - size) & ~random.pick([0, 1, 3] as const);
    const left = bytes.length - at + random.between(-5, 5);
    const value = random.next() < 0.5 ? random.pick(edges) : Math.max(left, 0);
    const fitting = value % 2 ** (size * 8);
    if (random.next() < 0.7) bytes.writeUIntLE(fitting, at, size);
    else bytes.writeUIntBE(fitting, at, size);
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.subarray(0, place(random, bytes));
  },
  function removed(bytes, random) {
    const [start, end] = stretch(random, bytes);
    return replaced(bytes, start, end, Buffer.alloc(0));
  },
  function repeated(bytes, random) {
    const [start, end] = stretch(random, bytes);
    const times = random.pick([2, 2, 3, 10, 1_000] as const);
    const piece = bytes.subarray(start, end);
    const most = Math.floor(longestInput / Math.max(piece.length, 1));
    return replaced(bytes, start, end, Buffer.concat(Array.from({ length: Math.min(times, most) }, () => piece)));
  },
  function spliced(bytes, random, others) {
    const other = random.pick(others) ?? bytes;
    const [start, end] = stretch(random, other);
    const [from, to] = stretch(random, bytes);
    return replaced(bytes, from, random.next() < 0.5 ? from : to, other.subarray(start, end));
  },
  function tail(bytes, random, others) {
    const other = random.pick(others) ?? bytes;
    return Buffer.concat([bytes.subarray(0, place(random, bytes)), other.subarray(place(random, other))]);
  },
  function worded(bytes, random, _, words) {
    const [from, to] = stretch(random, bytes);
    const word = Buffer.from(random.pick(words) ?? '');
    return replaced(bytes, from, random.next() < 0.5 ? from : to, word);
  },
  function numbered(bytes, random) {
    const found = [...bytes.toString('latin1').matchAll(/[0-9]+/g)];
    const one = random.pick(found);
    if (one === undefined) return bytes;
    return replaced(bytes, one.index, one.index + one[0].length, Buffer.from(random.pick(numbers) ?? '0'));
  },
  function estranged(bytes, random) {
    const at = place(random, bytes);
    return replaced(bytes, at, at, random.pick(strange) ?? Buffer.alloc(1));
  },
  function reordered(bytes, random) {
    const { sign, list } = pieces(bytes, random);
    const [a, b] = [random.between(0, list.length - 1), random.between(0, list.length - 1)];
    [list[a], list[b]] = [list[b] ?? '', list[a] ?? ''];
    return joined({ sign, list });
  },
  function doubled(bytes, random) {
    const { sign, list } = pieces(bytes, random);
    const at = random.between(0, list.length - 1);
    const piece = list[random.between(0, list.length - 1)] ?? '';
    return joined({ sign, list: list.toSpliced(at, random.between(0, 1), piece) });
  },
  function grown(bytes, random) {
    const at = place(random, bytes);
    const length = random.pick([16, 128, 4_097, 65_536] as const);
    return replaced(bytes, at, at, Buffer.alloc(length, random.pick(['a', '0', ' ', '[', '\n', '\0'] as const)));
  },
];
