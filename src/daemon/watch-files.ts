import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** Editors write a file in several steps. Milliseconds. */
const calm = 300;

/**
 * Calls back when a file was written, replaced, made or removed, once things are calm. Directories are watched, not the
 * files, since editors and `install` put new files in the place of old ones.
 *
 * @param wanted whether a file concerns us, by its directory and name
 */
export class FileWatch {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;
  #names: ReadonlyMap<string, ReadonlySet<string> | 'all'> = new Map();
  #timer: NodeJS.Timeout | null = null;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /**
   * What to watch from now on. A directory that is not there is watched from the next call on.
   *
   * @param files absolute paths
   * @param folders directories of which every file counts
   */
  set(files: readonly string[], folders: readonly string[]): void {
    const byFolder = Map.groupBy(files, dirname);
    const names = new Map<string, ReadonlySet<string> | 'all'>(
      [...byFolder].map(([folder, paths]) => [folder, new Set(paths.map((path) => basename(path)))]),
    );
    for (const folder of folders) names.set(folder, 'all');
    this.#names = names;
    for (const [folder, watcher] of this.#watchers) {
      if (names.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of names.keys()) if (!this.#watchers.has(folder)) this.#open(folder);
  }

  #open(folder: string): void {
    try {
      const watcher = watch(folder, (_, name) => {
        const names = this.#names.get(folder);
        if (name === null || names === 'all' || names?.has(name)) this.#later();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(folder);
        this.#later();
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // not there yet
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
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
