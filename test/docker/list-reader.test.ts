import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ListReader, LongListReader, longestText } from '../../src/docker/list-reader.ts';
import { list, map, object, pruned, type Shape } from '../../src/docker/shape.ts';

/** What is read of a text that comes in pieces of this many bytes. */
function read(text: string | Buffer, shape: Shape, size = 65_536) {
  const bytes = Buffer.from(text);
  const reader = new LongListReader(shape);
  for (let at = 0; at < bytes.length; at += size) reader.add(bytes.subarray(at, at + size));
  return reader.end();
}

const shape = object({
  a: 'plain',
  b: list(object({ a: 'plain' }), 2),
  c: map(map('plain', 3), 2),
  __proto__x: 'plain',
  'ä\n"': list('plain', 3),
});
const key = fc.oneof(fc.constantFrom('a', 'b', 'c', 'd', 'ä\n"', '__proto__', ''), fc.string({ unit: 'binary' }));
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(null, true, false, 0, -1.5e-7, '', '\\', '"', '\\"', '\u0001', 'ä€🙂'),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  ),
}));

describe('a list', () => {
  test('is what JSON says, of which the shape is kept, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(undefined, 1, '\t'),
        (entries, size, space) => {
          const text = JSON.stringify(entries, null, space);
          const found = read(text, shape, size);
          expect(found?.bytes).toBe(Buffer.byteLength(text));
          expect(found?.tooLong).toEqual([]);
          expect(JSON.stringify(found?.entries)).toBe(
            JSON.stringify((JSON.parse(text) as unknown[]).map((one) => pruned(one, shape))),
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('that is short is read as a long one is', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), (entries) => {
        const reader = new ListReader(shape);
        const text = JSON.stringify(entries);
        reader.add(Buffer.from(text).subarray(0, 7));
        reader.add(Buffer.from(text).subarray(7));
        expect(JSON.stringify(reader.end()?.entries)).toBe(JSON.stringify(read(text, shape)?.entries));
      }),
    );
    for (const text of ['', '{}', '[1', '[]]', 'null']) {
      const reader = new ListReader(shape);
      reader.add(Buffer.from(text));
      expect(reader.end()).toBeUndefined();
    }
  });

  test('is pruned of what the shape does not name, and of what is of another kind', () => {
    const one = JSON.parse(
      '{"a":{"x":1},"b":[{"a":1,"d":2},{"a":[1]},{"a":3}],"c":{"p":{"1":1,"2":2,"3":3,"4":4},"__proto__":{},"q":{}},"d":1}',
    ) as unknown;
    expect(JSON.stringify(pruned(one, shape))).toBe(
      '{"a":{},"b":[{"a":1},{"a":[]}],"c":{"p":{"1":1,"2":2,"3":3},"__proto__":{}}}',
    );
  });

  test('that is none, or is cut anywhere, is none', () => {
    const whole = '[{"a":"x\\"","d":[{"e":"]"}]},{"b":[{"a":1.5}]},null]';
    expect(read(whole, shape)?.entries).toEqual([{ a: 'x"' }, { b: [{ a: 1.5 }] }, null]);
    for (let at = 0; at < whole.length; at++) expect(read(whole.slice(0, at), shape)).toBeUndefined();
  });

  test.each([
    '',
    '{}',
    '"["',
    '[]]',
    '[],',
    '[1,]',
    '[,1]',
    '[1 2]',
    '[{"a"}]',
    '[{"a":}]',
    '[{"a":1,}]',
    '[{,}]',
    '[{a:1}]',
    '[}',
    '[{]',
    '[{"a":1]',
    '[{"a":nul}]',
    '[{"\\x":1}]',
    '[{"a":"\\x"}]',
    '[{"a" 1}]',
    '[:]',
    `[${'1'.repeat(2_000)}]`,
  ])('%s is none', (text) => {
    expect(read(text, shape)).toBeUndefined();
    expect(read(text, shape, 1)).toBeUndefined();
  });
});

test('texts end at the quote that is not escaped, wherever pieces begin and however far it is', () => {
  const texts = fc
    .array(fc.constantFrom('x'.repeat(40), 'x', '\\', '"', '\\\\'.repeat(20), 'ä'.repeat(30)), { maxLength: 8 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(fc.tuple(texts, texts)), fc.integer({ min: 1, max: 200 }), (pairs, size) => {
      const entries = pairs.map(([a, d]) => ({ d, [d]: a, a }));
      const wanted = entries.map((one) => pruned(one, shape));
      expect(read(JSON.stringify(entries), shape, size)?.entries).toEqual(wanted);
    }),
    { numRuns: 1_000 },
  );
});

describe('of what is long', () => {
  const inPieces = (...pieces: readonly string[]) => {
    const reader = new ListReader(shape);
    for (const piece of pieces) reader.add(Buffer.from(piece));
    return reader.end();
  };
  const million = 'x'.repeat(1 << 20);

  test('nothing is kept that the shape does not name', () => {
    const many = Array.from({ length: 70 }, () => million);
    const found = inPieces('[{"d":"', ...many, '","', ...many, '":{"x":["', ...many, '"]},"a":"y"},{"a":"z"}]');
    expect(found).toMatchObject({ entries: [{ a: 'y' }, { a: 'z' }], tooLong: [] });
    expect(found?.bytes).toBeGreaterThan(3 * (70 << 20));
  });

  test('nobody waits for a long text that the shape does not name, in a daemon without compilers either', () => {
    const program = `
      const { LongListReader } = await import(${JSON.stringify(new URL('../../src/docker/list-reader.ts', import.meta.url).href)});
      const reader = new LongListReader('plain');
      reader.add(Buffer.from('[{"d":"'));
      const piece = Buffer.from('x'.repeat(65_536));
      const { user } = process.cpuUsage();
      for (let at = 0; at < 4_096; at++) reader.add(piece);
      console.log((process.cpuUsage().user - user) / 1_000);`;
    const flags = ['--no-maglev', '--no-turbofan', '--input-type=module', '-e'];
    const milliseconds = Number(execFileSync(process.execPath, [...flags, program]).toString());
    expect(milliseconds).toBeLessThan(1_000); // of 256 MiB, which byte by byte take five seconds
  });

  test.each([
    ['plain', 'x'],
    ['escaped', '\\u0001'],
    ['of backslashes', '\\\\'],
    ['of quotes', '\\"'],
    ['of many bytes a character', '🙂'],
    ['odd, of backslashes', 'a\\\\'],
  ])('text, %s, the beginning is kept, wherever it is cut', (_what, unit) => {
    for (const before of ['', 'a', 'ab', 'abc', 'abcd', 'abcde']) {
      const raw = `${before}${unit.repeat(Math.ceil((longestText + 10) / Buffer.byteLength(unit)))}`;
      const found = read(`[{"a":"${raw}"}]`, shape, 4_099);
      const entry = found?.entries[0] as { a: string };
      expect((JSON.parse(`"${raw}"`) as string).startsWith(entry.a)).toBe(true);
      expect(entry.a.length).toBeGreaterThan(21_000);
      expect(Buffer.byteLength(JSON.stringify(entry.a))).toBeLessThanOrEqual(longestText + 2);
    }
  });

  test('an entry of which too much would be kept is left out, its beginning told, and the others are read', () => {
    const text = `"${'y'.repeat(longestText - 10)}"`;
    const open = map(list(map('plain', 1_000), 1_000), 1_000);
    const texts = Array.from({ length: 100 }, (_, at) => `"k${at}":${text}`).join(',');
    for (const size of [1_000, 65_536, 1 << 26]) {
      const long = `{"id":[{"a":1}],"b":[{${texts}},{"a":"]"}],"c":[{"a":2}]}`;
      const found = read(`[{"a":[{"b":1}]},${long},{"c":[]},${long}]`, open, size);
      expect(found?.entries).toEqual([{ a: [{ b: 1 }] }, { c: [] }]);
      expect(found?.tooLong).toHaveLength(2);
      expect(found?.tooLong[0]).toMatch(/^\{"id":\[\{"a":1\}\],"b":\[\{"k0":"yyy/);
    }
  });
});
