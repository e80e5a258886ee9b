import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const tool = (name: string, ...args: string[]) => {
  const run = spawnSync(join(root, 'node_modules', '.bin', name), args, { cwd: root, encoding: 'utf8' });
  return { code: run.status, text: `${run.stdout}${run.stderr}` };
};
const tracked = (...patterns: string[]) =>
  execFileSync('git', ['ls-files', '--', ...patterns], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n');

describe('the house rules', () => {
  test('types hold', () => {
    expect(tool('tsc', '-p', '.')).toEqual({ code: 0, text: '' });
  });

  test('the linter finds nothing, and has seen every file', () => {
    const { code, text } = tool('oxlint', '--type-aware', '--deny-warnings');
    expect(text).toMatch(/Found 0 warnings and 0 errors/);
    expect(code).toBe(0);
    const seen = Number(/ on (\d+) files/.exec(text)?.[1]);
    expect(seen).toBeGreaterThanOrEqual(tracked('src/**/*.ts', 'src/*.ts').length);
  });

  test('the linter refuses an effect in a pure folder', () => {
    const text = "import { readFileSync } from 'node:fs';\nexport const text = readFileSync('x', 'utf8');\n";
    const probe = join(root, 'src', 'policy', 'probe-of-the-linter.ts');
    execFileSync('node', ['-e', 'require("fs").writeFileSync(process.argv[1], process.argv[2])', probe, text]);
    try {
      expect(tool('oxlint', probe).text).toContain('pure folders have no effects');
    } finally {
      execFileSync('rm', ['-f', probe]);
    }
  });

  test('nothing is exported, depended on or kept that nobody uses', () => {
    expect(tool('knip')).toMatchObject({ code: 0 });
  });

  test('everything is formatted', () => {
    expect(tool('biome', 'check', '--error-on-warnings').text).toMatch(/No fixes applied/);
  });

  test('no test is skipped, narrowed or postponed', () => {
    const words = ['skip', 'only', 'todo', 'fails', 'skipIf', 'runIf'].map((word) => `\\.${word}\\(`).join('|');
    const found = spawnSync('git', ['grep', '-nE', `(describe|it|test)(${words})`, '--', 'test'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(found.stdout).toBe('');
  });
});
