import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/policy/diagnostic.ts';
import { renderDiagnostic } from '../../src/policy/render-diagnostic.ts';

const found = (line: number, column: number, text: string, fix?: string): Diagnostic => ({
  severity: 'error',
  code: 'SL1204',
  message: 'unknown group "http-proxi"',
  ...(fix === undefined ? {} : { fix }),
  source: { file: 'policy.yaml', line, column, text },
});

const source = (text: string) => [{ path: 'policy.yaml', text }];

describe('a diagnostic', () => {
  test('shows place, code, message, line, carets and the fix', () => {
    const text = `${'\n'.repeat(8)}    allow: [same-project, http-proxi, internet]\n`;
    expect(renderDiagnostic(found(9, 27, 'http-proxi', 'did you mean "http-proxy"?'), source(text))).toBe(
      [
        'policy.yaml:9:27  error  SL1204  unknown group "http-proxi"',
        '    9 |     allow: [same-project, http-proxi, internet]',
        '      |                           ^^^^^^^^^^ did you mean "http-proxy"?',
      ].join('\n'),
    );
  });

  test('keeps its carets under the piece behind tabs and escaped characters', () => {
    const lines = renderDiagnostic(found(1, 8, 'bad'), source('\ta: \u001b[mbad')).split('\n');
    expect(lines[1]).toBe('    1 |  a: \\x1b[mbad');
    expect(lines[2]?.indexOf('^')).toBe(lines[1]?.indexOf('bad') ?? 0);
  });

  test('lets nothing through that a terminal obeys', () => {
    const evil = '\u001b]0;title\u0007\u202e\u0000';
    const text = renderDiagnostic(
      {
        ...found(1, 1, evil, `did you mean "${evil}"?`),
        message: evil,
        related: [{ file: evil, line: 2, column: 1, text: evil }],
      },
      source(evil),
    );
    expect(text).not.toMatch(/[^\P{C}\n]/u);
    expect(
      renderDiagnostic({ ...found(0, 0, evil), source: { file: evil, line: 0, column: 0, text: evil } }, []),
    ).not.toMatch(/[^\P{C}\n]/u);
  });

  test.each([40, 80, 120])('stays within %i columns below its first line', (width) => {
    const text = `    allow: [${Array.from({ length: 60 }, (_, index) => `group-${index}`).join(', ')}]`;
    for (const column of [13, 200, text.length - 9]) {
      const lines = renderDiagnostic(
        found(1, column, text.slice(column - 1, column + 7), 'mend it'),
        source(text),
        undefined,
        width,
      ).split('\n');
      for (const line of lines.slice(1)) expect(line.length).toBeLessThanOrEqual(width);
      const caret = lines[2]?.indexOf('^') ?? -1;
      expect(lines[1]?.slice(caret, caret + 4)).toBe(text.slice(column - 1, column + 3));
    }
  });

  test('marks what has a colour by severity and adds nothing else', () => {
    const tag = (name: string) => (text: string) => `<${name}>${text}</${name}>`;
    const paint = { bad: tag('bad'), doubtful: tag('doubtful'), strong: tag('strong'), faint: tag('faint') };
    const plain = renderDiagnostic(found(1, 1, 'x', 'y'), source('x'));
    const painted = renderDiagnostic(found(1, 1, 'x', 'y'), source('x'), paint);
    expect(painted).toContain('<bad>error</bad>');
    expect(painted.replace(/<\/?(bad|doubtful|strong|faint)>/g, '')).toBe(plain);
  });
});
