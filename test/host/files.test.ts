import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../src/host/files.ts';

const mebibyte = 1 << 20;

test.each([0, 1, 4095, 4096, 4097, 40_000, mebibyte])('a file of %d bytes is read whole', (length) => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'sluice-files-'));
  const text = Array.from({ length }, (_, at) => at % 10).join('');
  writeFileSync(join(folder.path, 'small'), text);
  expect(readSmallFile(join(folder.path, 'small')) === text).toBe(true);
});

test('a file that is larger than a mebibyte is refused by its name', () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'sluice-files-'));
  const path = join(folder.path, 'large');
  writeFileSync(path, 'x'.repeat(mebibyte + 1));
  expect(() => readSmallFile(path)).toThrow(new RangeError(`${path} is larger than 1048576 bytes`));
});

test('a file of /proc, which says it has no bytes, is read; one that is not there is undefined', () => {
  expect(readSmallFile('/proc/self/status')).toContain('Pid:');
  expect(readSmallFile('/proc/self/not-there')).toBeUndefined();
});
