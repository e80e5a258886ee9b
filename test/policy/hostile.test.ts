import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDestinationText } from '../../src/policy/destination.ts';
import { readLabels } from '../../src/policy/labels.ts';
import { PolicyReader, type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { renderDiagnostic } from '../../src/policy/render-diagnostic.ts';
import { parseWorkloadSelector } from '../../src/policy/selector.ts';
import { now } from './fixture.ts';
import { wholeFile } from './whole-file.ts';

/** Reads, and renders whatever is said: neither may throw, and nothing unsafe may come out. */
function survives(text: string, role: PolicyText['role'] = 'policy'): void {
  const texts: readonly PolicyText[] = [
    ...(role === 'policy'
      ? []
      : [{ path: 'policy.yaml', text: 'version: 1\n', role: 'policy' as const, writableByOthers: false }]),
    { path: role === 'policy' ? 'policy.yaml' : 'shop/compose.yaml', text, role, writableByOthers: false },
  ];
  new PolicyReader().composePaths(texts);
  const { policy, diagnostics } = readPolicy(texts, { now });
  expect(policy === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
  for (const found of diagnostics)
    for (const line of renderDiagnostic(found, texts, undefined, 80).split('\n'))
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
}

const yamlish = fc.string({
  unit: fc.constantFrom(
    ...'version: 1\n allow deny[]{}*&!|>-?%@`"\'#,:/.0129abcf\t<<~\\'.split(''),
    '\n  ',
    'allow: ',
    '- ',
    '::',
    '\u001b',
    '\u202e',
    '\ud800',
    'é',
    '名',
  ),
  maxLength: 60,
});

describe('no text makes the reader throw', () => {
  test('any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => survives(text)),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(yamlish, (text) => survives(text)),
      { numRuns: 2000 },
    );
  });

  test('any text as an entry, a name or a value', () => {
    fc.assert(
      fc.property(fc.oneof(yamlish, fc.string()), (text) => {
        const quoted = JSON.stringify(text);
        survives(
          `version: 1\nprojects: { app: { allow: [${quoted}], mode: ${quoted}, services: { ${quoted}: { allow: ${quoted} } } } }\n`,
        );
        survives(
          `version: ${quoted}\ngroups: { ${quoted}: [${quoted}] }\ntests: [{ from: ${quoted}, allow: [{ to: ${quoted}, ports: [${quoted}] }] }]\n`,
        );
        parseDestinationText(text);
        parseWorkloadSelector(text);
        readLabels(
          new Map([
            ['sluice.allow', text],
            ['sluice.mode', text],
            [`sluice.${text}`, text],
          ]),
          text,
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('a good file with pieces cut out, doubled and put elsewhere', () => {
    const article = readFileSync(join(import.meta.dirname, '../../examples/article/policy.yaml'), 'utf8');
    const position = fc.integer({ min: 0, max: wholeFile.length });
    fc.assert(
      fc.property(
        fc.constantFrom(wholeFile, article),
        position,
        position,
        position,
        yamlish,
        (file, a, b, c, inserted) => {
          const [from = 0, to = 0] = [a, b].map((at) => at % file.length).toSorted((x, y) => x - y);
          const mutated = file.slice(0, from) + file.slice(to);
          survives(mutated);
          survives(mutated.slice(0, c) + file.slice(from, Math.min(to, from + 40)) + inserted + mutated.slice(c));
        },
      ),
      { numRuns: 700 },
    );
  });

  test('a compose file with anything in it', () => {
    fc.assert(
      fc.property(yamlish, yamlish, (a, b) => {
        survives(a, 'compose');
        survives(
          `x-sluice: ${a}\nservices:\n  web: &w\n    x-sluice: { allow: [${JSON.stringify(b)}] }\n  db:\n    <<: *w\n${b}`,
          'compose',
        );
      }),
      { numRuns: 700 },
    );
  });
});

describe('what grows without bounds is refused', () => {
  test.each([
    ['brackets', '['.repeat(100_000)],
    ['lists', '- '.repeat(100_000)],
    ['maps', Array.from({ length: 3000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
    ['length', `version: 1\n# ${'x'.repeat(2_000_000)}`],
    [
      'aliases of aliases',
      `version: 1\ngroups:\n  a: &a [x]\n${'bcdefghij'
        .split('')
        .map((name, index) => `  ${name}: &${name} [${`*${'abcdefghij'[index]},`.repeat(9)}]`)
        .join('\n')}`,
    ],
    ['keys of a map', `x:\n${Array.from({ length: 40_000 }, (_, key) => ` k${key}:\n`).join('')}`, 'compose' as const],
    [
      'projects',
      `version: 1\nprojects:\n${Array.from({ length: 10_000 }, (_, name) => `  p${name}: { allow: none }\n`).join('')}`,
    ],
  ])('%s', (_, text, role: PolicyText['role'] = 'policy') => {
    const begun = process.threadCpuUsage(); // of the work alone, however busy the machine is
    survives(text, role);
    const { user, system } = process.threadCpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(5000);
  });

  test.each([
    ['a long text', `version: 1\n# ${'x'.repeat(16 << 20)}`],
    ['deep nesting', `version: 1\nx: ${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('%s is said to be too much', (_, text) => {
    const { diagnostics } = readPolicy([{ path: 'policy.yaml', text, role: 'policy', writableByOthers: false }], {
      now,
    });
    expect(diagnostics.map(({ code }) => code)).toEqual(['SL1008']);
  });

  test('a merge key that merges itself', () => {
    survives('services: &s\n  web: &w { <<: *w, x-sluice: { allow: none } }\n  <<: *s\n', 'compose');
  });
});
