import { closeSync, openSync, readSync } from 'node:fs';

/** Reads a small text file; undefined where there is none. The real one is {@link readSmallFile}. */
export type ReadFile = (path: string) => string | undefined;

const largest = 1 << 20;

/**
 * The file's text, up to 1 MiB of it. Works for files of /proc, whose size is not known beforehand.
 *
 * @throws the system's error for a file that is there and cannot be read, and a RangeError for one that is too large
 */
export const readSmallFile: ReadFile = (path) => {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(largest + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read)
      read = readSync(fd, buffer, length, buffer.length - length, null);
    if (length > largest) throw new RangeError(`${path} is larger than ${largest} bytes`);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
};
