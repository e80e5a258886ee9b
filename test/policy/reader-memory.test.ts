import { describe, expect, test } from 'vitest';
import { PolicyReader, type PolicyText, readPolicy } from '../../src/policy/read.ts';
import { fixtures, now } from './fixture.ts';

const file = (path: string, allow: string): PolicyText => ({
  path,
  text: `version: 1\nprojects: { ${path.replace('.yaml', '')}: { allow: [${allow}] } }\n`,
  role: 'policy',
  writableByOthers: false,
});

describe('one policy after the other', () => {
  test('is read as if it were the first, whatever was read before', () => {
    const reader = new PolicyReader();
    for (const { texts } of fixtures())
      for (const round of ['new', 'the same again']) {
        reader.composePaths(texts);
        expect(reader.read(texts, { now }), round).toEqual(readPolicy(texts, { now }));
      }
  });

  test('has the very objects of a file that has not changed, and new ones of a file that has', () => {
    const reader = new PolicyReader();
    const projects = (...texts: readonly PolicyText[]) => reader.read(texts, { now }).policy?.projects ?? [];
    const [a, b] = projects(file('a.yaml', '"192.0.2.1"'), file('b.yaml', '"192.0.2.2"'));
    const [same, other] = projects(file('a.yaml', '"192.0.2.1"'), file('b.yaml', '"192.0.2.3"'));
    expect(same).toBe(a);
    expect(other).not.toEqual(b);
  });

  test('tells what is wrong with a file as often as it is read, and not once it is mended', () => {
    const reader = new PolicyReader();
    const codes = (allow: string) => reader.read([file('a.yaml', allow)], { now }).diagnostics.map(({ code }) => code);
    const wrong = codes('"192.0.2.300"');
    expect(wrong).not.toEqual([]);
    expect(codes('"192.0.2.300"')).toEqual(wrong);
    expect(codes('"192.0.2.3"')).not.toEqual(wrong);
  });

  test('measures `until` by the clock of each reading', () => {
    const reader = new PolicyReader();
    const text = file('a.yaml', '{ to: "192.0.2.1", until: 2026-11-23 }');
    const codes = (at: number) => reader.read([text], { now: at }).diagnostics.map(({ code }) => code);
    expect(codes(Date.UTC(2026, 10, 23))).not.toContain('SL2004');
    expect(codes(Date.UTC(2026, 10, 24))).toContain('SL2004');
  });

  test('says again who can write a file, which is no matter of its text', () => {
    const reader = new PolicyReader();
    const text = file('a.yaml', '"192.0.2.1"');
    expect(reader.read([text], { now }).policy).not.toBeNull();
    expect(reader.read([{ ...text, writableByOthers: true }], { now }).policy).toBeNull();
  });
});
