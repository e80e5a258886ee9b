import { closeSync, openSync, readSync } from 'node:fs';

/** Reads a small text file; undefined where there is none. The real one is {@link readSmallFile}. */
export type ReadFile = (path: string) => string | undefined;

const largest = 1 << 20;
/** Bytes that nearly every file of /proc and of a cgroup fits into; the daemon reads some for every container. */
const usual = 1 << 12;

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
    let buffer = Buffer.allocUnsafe(usual);
    let length = 0;
    for (;;) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      length += read;
      if (read === 0 || length > largest) break;
      if (length === buffer.length) buffer = Buffer.concat([buffer], 8 * length);
    }
    if (length > largest) throw new RangeError(`${path} is larger than ${largest} bytes`);
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
};
