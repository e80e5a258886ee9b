import type { ReadFile } from './files.ts';

const path = '/proc/sys/kernel/random/boot_id';

/**
 * The name of the kernel's present boot (random(4)): a UUID in lower case, another one after every boot; null where the
 * kernel does not tell.
 */
export function readBootId(readFile: ReadFile): string | null {
  const text = readFile(path)?.trim() ?? '';
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) ? text : null;
}
