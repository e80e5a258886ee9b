import { expect, test } from 'vitest';
import { readBootId } from '../../src/host/boot-id.ts';
import { readSmallFile } from '../../src/host/files.ts';

test('the boot we run in has a name, the same one each time', () => {
  const id = readBootId(readSmallFile);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(readBootId(readSmallFile)).toBe(id);
});

test.each([
  ['no such file', undefined],
  ['an empty one', ''],
  ['a name that is none', '../../etc/passwd\n'],
])('%s gives none', (_what, text) => {
  expect(readBootId(() => text)).toBeNull();
});
