import { expect, test } from 'vitest';
import { confirmed, digestOf, goneBack, noPolicy, type PolicyState, putInForce } from '../../src/state/policy-state.ts';

const texts = (words: string) => [{ path: '/p.yaml', role: 'policy', text: words, writableByOthers: false }] as const;
const waiting = (words: string) => ({ digest: digestOf(texts(words)), until: 99, token: words });
const apply = (state: PolicyState, words: string, confirm = false, before: 'nothing' | 'unknown' = 'nothing') =>
  putInForce(state, texts(words), { now: 5, before, pending: confirm ? waiting(words) : null });
const names = ({ current, previous, rejected, pending }: PolicyState) => ({
  current: current?.texts[0]?.text ?? null,
  previous: previous === null || previous === 'nothing' ? previous : previous.texts[0]?.text,
  rejected: ['a', 'b', 'c'].find((words) => digestOf(texts(words)) === rejected) ?? rejected,
  pending: pending?.token ?? null,
});

test('the digest is over paths, roles and texts, each apart', () => {
  const one = { path: '/a', role: 'policy', text: 'b', writableByOthers: false } as const;
  const digests = [
    [one],
    [{ ...one, path: '/ab', text: '' }],
    [{ ...one, role: 'compose' as const }],
    [one, one],
    [],
  ].map(digestOf);
  expect(new Set(digests).size).toBe(5);
  expect(digestOf([{ ...one, writableByOthers: true }])).toBe(digests[0]);
});

test('applied once, going back means nothing in force', () => {
  const first = apply(noPolicy, 'a');
  expect(names(first)).toEqual({ current: 'a', previous: 'nothing', rejected: null, pending: null });
  expect(goneBack(first, 'rollback', 7)).toMatchObject({
    current: null,
    previous: null,
    rejected: digestOf(texts('a')),
  });
});

test('over something unknown there is nothing to go back to, and so nothing goes back by itself', () => {
  const state = apply(noPolicy, 'a', true, 'unknown');
  expect(names(state)).toEqual({ current: 'a', previous: null, rejected: null, pending: null });
  expect(goneBack(state, 'rollback', 7)).toBeNull();
});

test('the one before comes back, its files stay rejected until they change or somebody insists', () => {
  const back = goneBack(apply(apply(noPolicy, 'a'), 'b'), 'confirm-expired', 7);
  expect(back).toMatchObject({ current: { since: 7, by: 'confirm-expired' }, pending: null });
  expect(names(back as PolicyState)).toEqual({ current: 'a', previous: null, rejected: 'b', pending: null });
  expect(goneBack(back as PolicyState, 'rollback', 8)).toBeNull();
  expect(names(apply(back as PolicyState, 'b'))).toEqual({
    current: 'b',
    previous: 'a',
    rejected: null,
    pending: null,
  });
});

test('what was never confirmed is nothing to go back to', () => {
  const twice = apply(apply(apply(noPolicy, 'a'), 'b', true), 'c', true);
  expect(names(twice)).toEqual({ current: 'c', previous: 'a', rejected: null, pending: 'c' });
  expect(names(apply(apply(apply(noPolicy, 'a'), 'b', true), 'c')).previous).toBe('a');
});

test('applying the same again confirms it, or gives it more time', () => {
  const pending = apply(apply(noPolicy, 'a'), 'b', true);
  expect(names(apply(pending, 'b'))).toEqual({ current: 'b', previous: 'a', rejected: null, pending: null });
  expect(names(apply(pending, 'b', true)).pending).toBe('b');
  expect(names(apply(apply(pending, 'b'), 'b', true)).pending).toBeNull();
});

test('what is confirmed stays', () => {
  const pending = apply(apply(noPolicy, 'a'), 'b', true);
  expect(names(confirmed(pending) as PolicyState)).toEqual({
    current: 'b',
    previous: 'a',
    rejected: null,
    pending: null,
  });
  expect(confirmed(apply(noPolicy, 'a'))).toBeNull();
});
