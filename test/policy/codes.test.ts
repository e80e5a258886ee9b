import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkPolicy } from '../../src/evaluate/check.ts';
import { codes } from '../../src/policy/codes.ts';
import { compile } from '../../src/ruleset/compile.ts';
import { buildWorld } from '../generate/build.ts';
import { diagnose, fixtures, type Later, now, rendered } from './fixture.ts';

/** policy.md, "What is an error", item by item. */
const errorItems = [
  'unknown key',
  'duplicate key',
  'missing or unknown version',
  'empty list or selector',
  'host bits set',
  'reversed or zero port',
  'ports twice',
  'unknown group, or a service or network that the compose file does not have',
  'a group cycle',
  'a user group that shadows a built-in',
  'a rule that can never match',
  'a DNS name without ports',
  'a DNS name in a deny',
  '*.com and other public suffixes',
  'a tie between patterns',
  'no allow at any level',
  'a failing test',
  'a key in two files',
  'YAML that is not what it looks like',
  'a policy file that others can write',
];

/** The same section, "Warnings". */
const warningItems = [
  'an allow list that reaches outside without dns',
  'a name rule that cannot be enforced yet',
  'a rule for a workload that nothing runs yet',
  'a passed until',
];

/** What reading alone cannot tell: tests and dead rules of every policy, and what a world shows. */
const later: Later = (policy, world) => [
  ...checkPolicy(policy, now),
  ...(world === undefined ? [] : compile(policy, buildWorld(world), now).diagnostics),
];

const all = Object.values(codes);

describe('the table of codes', () => {
  test('gives each code once, errors as SL1, warnings as SL2', () => {
    expect(new Set(all.map(({ code }) => code)).size).toBe(all.length);
    for (const { code, severity } of all) expect(code).toMatch(severity === 'error' ? /^SL1\d{3}$/ : /^SL2\d{3}$/);
  });

  test.each(errorItems)('has an error for: %s', (item) => {
    expect(all.filter((code) => code.item === item && code.severity === 'error')).not.toEqual([]);
  });

  test.each(warningItems)('has a warning for: %s', (item) => {
    expect(all.filter((code) => code.item === item && code.severity === 'warning')).not.toEqual([]);
  });

  test('speaks of no item that the language does not list', () => {
    const items = [...errorItems, ...warningItems, 'what looks like an address and is not one'];
    expect(all.flatMap(({ item }) => item ?? []).filter((item) => !items.includes(item))).toEqual([]);
  });
});

describe('fixtures', () => {
  const found = fixtures();

  test.each(all.map(({ code }) => code))('there is one for %s', (code) => {
    expect(found.filter((fixture) => fixture.code === code).map(({ name }) => name)).not.toEqual([]);
  });

  test.each(found)('$name says what it should', (fixture) => {
    const diagnostics = diagnose(fixture, later);
    expect(diagnostics.map(({ code }) => code)).toContain(fixture.code);
    const text = rendered(fixture, diagnostics);
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(fixture.expectedPath, text);
    expect(text).toBe(existsSync(fixture.expectedPath) ? readFileSync(fixture.expectedPath, 'utf8') : undefined);
  });

  test.each(found)('$name: every error has its place, and no code is unknown', (fixture) => {
    for (const { source, code, message } of diagnose(fixture, later)) {
      expect(all.map((known) => known.code)).toContain(code);
      expect(source.file).not.toBe('');
      expect(message).not.toBe('');
      const text = fixture.texts.find(({ path }) => path === source.file)?.text;
      if (source.line === 0) continue; // a file as a whole, or a label
      const line = text?.split(/\r?\n/)[source.line - 1];
      expect(line, `${source.file}:${source.line}`).toBeDefined();
      expect(source.column).toBeGreaterThanOrEqual(1);
      expect(source.column).toBeLessThanOrEqual((line?.length ?? 0) + 1);
    }
  });
});
