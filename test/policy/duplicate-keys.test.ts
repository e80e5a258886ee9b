import { expect, test } from 'vitest';
import { parseDocument } from 'yaml';
import { duplicateKeys } from '../../src/policy/duplicate-keys.ts';

test.each([
  ['a: 1\nb: 2\n', []],
  ['a: 1\na: 2\na: 3\n', [5, 10]],
  ['{ a: 1, "a": 2 }', [8]],
  ['- x: { k: }\n- x: { k:, k: }\n', [23]],
  ['a: &m { k: 1 }\nb: *m\nc: *m\n', []],
  ['&x a: 1\n&y a: 2\n', [11]],
  ['? a\n? a\n', [6]],
  ['', []],
])('%j has keys twice at %j, where the library has them', (text, places) => {
  expect(
    duplicateKeys(parseDocument(text, { uniqueKeys: false, stringKeys: true }).contents).toSorted((a, b) => a - b),
  ).toEqual(places);
  const { errors } = parseDocument(text, { stringKeys: true });
  expect(errors.filter(({ code }) => code === 'DUPLICATE_KEY').map(({ pos }) => pos[0])).toEqual(places);
});
