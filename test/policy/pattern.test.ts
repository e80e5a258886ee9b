import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { covers, intersects, matches, patternOf, specificity } from '../../src/policy/pattern.ts';
import { suggest } from '../../src/policy/suggest.ts';

const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 5 });

/** Every name of a and b up to a length at which each pair of globs above has shown what it can match. */
const names = Array.from({ length: 9 }, (_, length) => length).flatMap((length) =>
  Array.from({ length: 2 ** length }, (_, bits) =>
    bits.toString(2).padStart(length, '0').slice(0, length).replaceAll('0', 'a').replaceAll('1', 'b'),
  ),
);

const oracle = (text: string, name: string) => new RegExp(`^${text.replaceAll('*', '.*')}$`, 's').test(name);

describe('patterns', () => {
  test('match as the regular expression of the same meaning', () => {
    fc.assert(
      fc.property(
        glob,
        fc.constantFrom(...names),
        (text, name) => matches(patternOf(text), name) === oracle(text, name),
      ),
      { numRuns: 3000 },
    );
  });

  test('intersect exactly when a name matches both', () => {
    fc.assert(
      fc.property(glob, glob, (a, b) => {
        const both = names.some((name) => matches(patternOf(a), name) && matches(patternOf(b), name));
        expect(intersects(patternOf(a), patternOf(b)), `${a} ${b}`).toBe(both);
      }),
      { numRuns: 2000 },
    );
  });

  test('cover one another only when every name of the one is a name of the other', () => {
    let covered = 0;
    fc.assert(
      fc.property(glob, glob, (outer, inner) => {
        if (!covers(patternOf(outer), patternOf(inner))) return;
        covered++;
        for (const name of names)
          if (matches(patternOf(inner), name))
            expect(matches(patternOf(outer), name), `${outer} ${inner} ${name}`).toBe(true);
      }),
      { numRuns: 2000 },
    );
    expect(covered).toBeGreaterThan(100);
  });

  test.each([
    ['*', 'app', true],
    ['app', 'app', true],
    ['app', 'ap*', false],
    ['a*', 'ap*', true],
    ['a*', '*', false],
    ['*a*', 'a', true],
  ])('%s covers %s: %s', (outer, inner, expected) => {
    expect(covers(patternOf(outer), patternOf(inner))).toBe(expected);
  });

  test('an exact name is more specific than any pattern, more letters than fewer', () => {
    const order = ['app', 'app*', 'a*', '*', '**'].map((text) => specificity(patternOf(text)));
    expect(order).toEqual([Number.POSITIVE_INFINITY, 3, 1, 0, 0]);
  });

  test('a pattern that would make a backtracking matcher hang is answered at once', () => {
    const begun = process.threadCpuUsage();
    expect(matches(patternOf(`${'a*'.repeat(100)}b`), 'a'.repeat(255))).toBe(false);
    expect(intersects(patternOf(`${'a*'.repeat(100)}b`), patternOf(`${'*a'.repeat(100)}c`))).toBe(false);
    const { user, system } = process.threadCpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});

test.each([
  ['http-proxi', 'http-proxy'],
  ['internte', 'internet'],
  ['hots', 'host'],
  ['HOST', 'host'],
  ['zzzzzz', undefined],
])('for %s it suggests %s', (word, meant) => {
  expect(suggest(word, ['http-proxy', 'internet', 'host', 'dns'])).toBe(meant);
});
