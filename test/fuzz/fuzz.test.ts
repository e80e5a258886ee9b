import { expect, test } from 'vitest';
import { Random } from '../agreement/random.ts';
import { attack } from './fuzz.ts';
import { longestInput, mutate } from './mutate.ts';

const broken = new URL('./inside/broken.ts', import.meta.url).href;
const needle = new URL('./inside/needle.ts', import.meta.url).href;
const input = Buffer.from('the input');

test.each([
  ['throws', /RangeError: out of bounds/],
  ['takes long', /it took [0-9]+ ms/],
  ['never ends', /no end after [0-9]+ s of work/],
  ['waits for ever', /no end after [0-9]+ s$/],
  ['grows', /more than 64 MiB/],
  ['ends everything', /the thread ended/],
])('a reader that %s is found, with what it was reading', { timeout: 120_000 }, async (reader, words) => {
  const orders = { module: broken, seed: 1, time: 1_000, count: 10, only: { reader, input } };
  const [busy, waiting] = [reader === 'never ends' ? 1_000 : 20_000, reader === 'waits for ever' ? 3_000 : 60_000];
  const { failure } = await attack(orders, { busy, waiting, memory: 64 });
  expect(failure).toMatchObject({ reader, what: expect.stringMatching(words) });
  expect(Buffer.from(failure?.input ?? []).toString()).toBe('the input');
});

test('a number that nobody expects is found within thousands of inputs, made short, and found again by its seed', async () => {
  const orders = { module: needle, seed: 7, time: 60_000, count: 100_000, only: null };
  const [one, two] = [await attack(orders), await attack(orders)];
  expect(one.failure?.what).toContain('a count that overflows');
  expect(Buffer.from(one.failure?.input ?? []).toString()).toBe('"count": 4294967296');
  expect(two.accepted + two.refused).toBe(one.accepted + one.refused);
});

test('the same seed makes the same inputs, of bounded length, and seldom one twice', () => {
  const corpus = [Buffer.from('* 10.0.0.0/8 allow\nnext line, 17'), Buffer.alloc(200_000, 'x')];
  const made = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 300 }, () => mutate(random, corpus, ['word']).toString('base64'));
  };
  expect(made(3)).toEqual(made(3));
  expect(new Set(made(3)).size).toBeGreaterThan(250);
  expect(Math.max(...made(4).map((text) => Buffer.from(text, 'base64').length))).toBeLessThanOrEqual(longestInput);
});
