import { basename, dirname, join } from 'node:path';

/** The steps that replacing a file is made of. */
export interface Disk {
  /** With the directories above it, for root alone. */
  makeDirectory(path: string): Promise<void>;
  /** Makes or overwrites a file that only root may read; on return its bytes are on the disk. */
  writeThrough(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** On return the directory's names are on the disk. */
  syncDirectory(path: string): Promise<void>;
  /** Nothing happens when it is not there. */
  remove(path: string): Promise<void>;
}

/** A file was replaced, and its name may not be on the disk yet: a crash may bring the old text back. `cause` says why. */
export class UnsyncedError extends Error {
  override readonly name = 'UnsyncedError';
}

/**
 * Replaces a file so that a reader, or a crash at any moment, sees the old or the new text whole: the new one is written
 * beside it and renamed over it (rename(2) is atomic; both are synced, since ext4 and xfs may reorder them).
 *
 * @param unique told apart from what other writers of the same file use at the same time
 * @throws the disk's error, after which the old text stands; UnsyncedError, after which the new one does
 */
export async function replaceFile(disk: Disk, path: string, text: string, unique: string): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `${temporaryPrefix}${basename(path)}.${unique}`);
  await disk.makeDirectory(directory);
  try {
    await disk.writeThrough(temporary, text);
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => {}); // the first error says more
    throw error;
  }
  try {
    await disk.syncDirectory(directory);
  } catch (error) {
    throw new UnsyncedError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** What a crash may leave behind begins so. */
export const temporaryPrefix = '.new-';
