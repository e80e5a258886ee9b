/** What the state needs of the file system. Errors of the system (`code` set) pass through. */
export interface StateFiles {
  /** @param limit most bytes it may have */
  read(path: string, limit: number): Promise<{ readonly text: string }>;
  /** Names in a directory, in no order; null when there is none. */
  list(path: string): Promise<readonly string[] | null>;
  /**
   * Replaces a file so that a reader, or a crash, sees the old or the new text whole. Makes the directory.
   *
   * @throws UnsyncedError when the new text is there and only a crash may bring the old one back
   */
  replace(path: string, text: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** False when it was not there. */
  remove(path: string): Promise<boolean>;
}
