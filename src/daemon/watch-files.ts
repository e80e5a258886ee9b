import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Editors write a file in several steps. Milliseconds. */
const calm = 300;
/** Milliseconds between two looks at what cannot be watched. */
const slow = 5_000;

/** A directory that is watched, and what tells it from another in its place. */
interface Watched {
  readonly watcher: FSWatcher;
  readonly identity: string;
}

/**
 * Calls back when a file was written, replaced, made or removed, once things are calm. Directories are watched, not the
 * files, since editors and `install` put new files in the place of old ones; and of each directory the one above, since it
 * may itself be made or replaced. What cannot be watched, since the kernel has no room for it or the directory above is missing
 * too, is looked at every few seconds.
 */
export class FileWatch {
  readonly #watched = new Map<string, Watched>();
  /** What is looked at in place of being watched, with what was seen there. */
  readonly #looked = new Map<string, string>();
  readonly #onChange: () => void;
  readonly #onRefused: (folder: string, reason: string) => void;
  readonly #start: typeof watch;
  #names: ReadonlyMap<string, ReadonlySet<string> | 'all'> = new Map();
  #timer: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | null = null;

  /**
   * @param onRefused told once of a directory that is there and that the kernel does not watch
   * @param start fs.watch
   */
  constructor(onChange: () => void, onRefused: (folder: string, reason: string) => void, start = watch) {
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    this.#start = start;
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
    for (const folder of this.#looked.keys()) if (!names.has(folder)) this.#looked.delete(folder);
    const opened = [...names.keys()].filter((folder) => !this.#watched.has(folder) && this.#open(folder));
    this.#lookWhereNeeded();
    // what was written to one between the reading and now nobody has seen
    if (!isFirst && opened.length > 0) this.#later();
  }

  #open(folder: string): boolean {
    try {
      const identity = identityOf(folder);
      const watcher = this.#start(folder, (_, name) => {
        const names = this.#names.get(folder);
        if (name === null || names === 'all' || names?.has(name)) this.#later();
      });
      watcher.on('error', () => {
        watcher.close();
        this.#watched.delete(folder);
        this.#later();
      });
      this.#watched.set(folder, { watcher, identity });
      this.#looked.delete(folder);
      return true;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
      if (!isMissing && !this.#looked.has(folder)) this.#onRefused(folder, code);
      // of one that is made in a directory that is watched the kernel tells
      if (!isMissing || !this.#names.has(dirname(folder))) this.#looked.set(folder, this.#seenIn(folder));
      return false;
    }
  }

  #lookWhereNeeded(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = this.#looked.size === 0 ? null : setInterval(() => this.#look(), slow);
  }

  #look(): void {
    for (const [folder, before] of this.#looked)
      if (this.#open(folder) || this.#seenIn(folder) !== before) this.#later();
    if (this.#looked.size === 0) this.#lookWhereNeeded();
  }

  /** What changes when one of the files that count there does. */
  #seenIn(folder: string): string {
    const names = this.#names.get(folder) ?? [];
    try {
      const seen = [...(names === 'all' ? readdirSync(folder) : names)].map((name) => {
        const found = statSync(join(folder, name), { throwIfNoEntry: false, bigint: true });
        return found === undefined ? name : `${name}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
      });
      return seen.join('/');
    } catch {
      return ''; // it is not there, or is no directory
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
    if (this.#looking !== null) clearInterval(this.#looking);
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }
}

/** Empty where nothing is there. File systems give a number again at once, so the time of making is part of it. */
function identityOf(folder: string): string {
  const found = statSync(folder, { throwIfNoEntry: false, bigint: true });
  return found === undefined ? '' : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
}
