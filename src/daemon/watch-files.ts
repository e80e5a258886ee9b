import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Editors write a file in several steps. Milliseconds. */
const calm = 300;

/** A directory that is watched, and what tells it from another in its place. */
interface Watched {
  readonly watcher: FSWatcher;
  readonly identity: string;
}

/**
 * Calls back when a file was written, replaced, made or removed, once things are calm. Directories are watched, not the
 * files, since editors and `install` put new files in the place of old ones; and of each directory the one above, since it
 * may itself be made or replaced.
 */
export class FileWatch {
  readonly #watched = new Map<string, Watched>();
  readonly #onChange: () => void;
  #names: ReadonlyMap<string, ReadonlySet<string> | 'all'> = new Map();
  #timer: NodeJS.Timeout | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * What to watch from now on. To be called after each callback: a directory that was not there, or is another one now, is
   * watched from then on.
   *
   * @param files absolute paths
   * @param folders directories of which every file counts
   */
  set(files: readonly string[], folders: readonly string[]): void {
    const directories = new Set([...files.map((file) => dirname(file)), ...folders]);
    const byFolder = Map.groupBy([...files, ...directories], dirname);
    const names = new Map<string, ReadonlySet<string> | 'all'>(
      [...byFolder].map(([folder, paths]) => [folder, new Set(paths.map((path) => basename(path)))]),
    );
    for (const folder of folders) names.set(folder, 'all');
    const isFirst = this.#names.size === 0;
    this.#names = names;
    for (const [folder, { watcher, identity }] of this.#watched) {
      if (names.has(folder) && identityOf(folder) === identity) continue;
      watcher.close();
      this.#watched.delete(folder);
    }
    const opened = [...names.keys()].filter((folder) => !this.#watched.has(folder) && this.#open(folder));
    // what was written to one between the reading and now nobody has seen
    if (!isFirst && opened.length > 0) this.#later();
  }

  #open(folder: string): boolean {
    try {
      const identity = identityOf(folder);
      const watcher = watch(folder, (_, name) => {
        const names = this.#names.get(folder);
        if (name === null || names === 'all' || names?.has(name)) this.#later();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watched.delete(folder);
        this.#later();
      });
      this.#watched.set(folder, { watcher, identity });
      return true;
    } catch {
      return false; // not there yet
    }
  }

  #later(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#onChange();
    }, calm);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }
}

/** Empty where nothing is there. File systems give a number again at once, so the time of making is part of it. */
function identityOf(folder: string): string {
  const found = statSync(folder, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? '' : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}
