import { closeSync, type FSWatcher, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { unlessMissing } from './unless-missing.ts';

/**
 * Where an engine puts the control groups of its containers unless it is told otherwise: `docker/ID` with cgroupfs,
 * `system.slice/docker-ID.scope` with systemd (moby 28, daemon/oci_linux.go `withCgroups` and runc's drivers). Who makes a
 * container may choose another folder for it (`--cgroup-parent`), and call that as he likes.
 */
const usual = ['docker', 'system.slice'] as const;
const groupOf = /^(?:([0-9a-f]{64})|docker-([0-9a-f]{64})\.scope)$/;
/** A container has one or two before its first instruction, and later as many as it likes: each is a question to the kernel. */
const mostProcesses = 16;
/** So many folders are watched; a host has some hundred, and whoever writes compose files may make more. */
const mostFolders = 4_096;

/** What is told of the tree. */
export interface GroupEars {
  /** A container's group came, or went, or may have. */
  changed(container: string): void;
  /** There are more folders than are, or can be, watched: what comes in the others nobody tells from now on. Once. */
  overflow(): void;
}

/** The control groups of the containers there are. Where nothing is found nothing is known, which is no error. */
export class ContainerGroups {
  readonly #root: string;
  /** Folders that have had containers' groups, from the root. */
  readonly #folders = new Set<string>(usual);
  /** All groups of each container's name: anybody may call a folder like one. */
  #groups: ReadonlyMap<string, readonly string[]> = new Map();
  /** Groups that are not listed, until something happens to them: folders that are left behind are called like some. */
  readonly #disregarded = new Set<string>();
  readonly #watchers = new Map<string, FSWatcher>();
  #ears: GroupEars | null = null;
  #overflows = false;

  /** @param root where the host's cgroup tree is mounted */
  constructor(root = '/sys/fs/cgroup') {
    this.#root = root;
  }

  /** Engine ids (64 hex digits) of the containers that have a group now, in the usual folders or any that {@link watch} has found. */
  list(): ReadonlySet<string> {
    const groups = new Map<string, string[]>();
    for (const folder of this.#folders) {
      let some = 0;
      for (const name of unlessMissing(() => readdirSync(join(this.#root, folder))) ?? []) {
        const id = containerOf(name);
        if (id === undefined || this.#disregarded.has(`${folder}/${name}`)) continue;
        some++;
        const known = groups.get(id);
        if (known === undefined) groups.set(id, [`${folder}/${name}`]);
        else known.push(`${folder}/${name}`);
      }
      if (some === 0 && !isUsual(folder)) this.#folders.delete(folder); // until it is found again
    }
    this.#groups = groups;
    return new Set(groups.keys());
  }

  /**
   * The processes in the groups of a container that was listed, as our own PID namespace numbers them; those it does not see
   * are left out, and so are those beyond the first 16 of a group. What is in groups within its own is its too.
   */
  processes(container: string): readonly number[] {
    return (this.#groups.get(container) ?? []).flatMap((group) => {
      const own = this.#processesIn(group);
      if (own.length > 0) return own;
      const within = unlessMissing(() => readdirSync(join(this.#root, group), { withFileTypes: true })) ?? [];
      return within
        .filter((entry) => entry.isDirectory())
        .slice(0, mostProcesses)
        .flatMap(({ name }) => this.#processesIn(join(group, name)));
    });
  }

  #processesIn(group: string): readonly number[] {
    const lines = (unlessMissing(() => readBeginning(join(this.#root, group, 'cgroup.procs'))) ?? '').split('\n');
    return lines
      .slice(0, Math.min(lines.length - 1, mostProcesses)) // the last one may go on
      .map(Number)
      .filter((pid) => pid > 0);
  }

  /**
   * Tells of each container's group that comes or goes, by the kernel's own notice (inotify(7)), but for those within
   * containers' groups.
   *
   * @returns ends it
   */
  watch(ears: GroupEars): () => void {
    this.#ears = ears;
    this.#enter([...usual, '']);
    return () => {
      this.#ears = null;
      for (const watcher of this.#watchers.values()) watcher.close();
      this.#watchers.clear();
    };
  }

  /** Lists a container's groups no more, until they come anew. */
  disregard(container: string): void {
    for (const group of this.#groups.get(container) ?? []) this.#disregarded.add(group);
  }

  /** Looks into the groups that are called like a container of which nobody knows: they may be somebody's parents. */
  watchWithin(container: string): void {
    this.#enter((this.#groups.get(container) ?? []).filter((group) => !this.#watchers.has(group)));
  }

  /** Watches folders and all in them, the upper ones first: how deep a tree is is anybody's choice. */
  #enter(folders: readonly string[]): void {
    const queue = [...folders];
    for (let folder = queue.shift(); folder !== undefined; folder = queue.shift()) {
      if (this.#watchers.has(folder)) continue;
      if (this.#watchers.size >= mostFolders) return this.#overflow();
      const here = folder;
      const watcher = this.#watch(here);
      if (watcher === 'no folder') continue;
      if (watcher === null) this.#overflow();
      else this.#watchers.set(here, watcher);
      // after the watch has begun: nothing comes in between
      const entries = unlessMissing(() => readdirSync(join(this.#root, here), { withFileTypes: true })) ?? [];
      for (const entry of entries)
        if (entry.isDirectory() && !this.#isContainer(here, entry.name)) queue.push(join(here, entry.name));
    }
  }

  /** null: the kernel watches no more for root, whose watches and instances of inotify it counts, containers' among them. */
  #watch(folder: string): FSWatcher | 'no folder' | null {
    try {
      const watcher = watch(join(this.#root, folder), (event, name) => {
        if (event === 'rename' && name !== null) this.#heard(folder, name);
      });
      watcher.on('error', () => this.#leave(folder));
      return watcher;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      return noFolder.has(String(error.code)) ? 'no folder' : null;
    }
  }

  #overflow(): void {
    if (this.#overflows) return;
    this.#overflows = true;
    this.#ears?.overflow();
  }

  #heard(folder: string, name: string): void {
    const path = join(folder, name);
    this.#leave(path);
    if (this.#isContainer(folder, name)) return;
    if (unlessMissing(() => statSync(join(this.#root, path)))?.isDirectory() === true) this.#enter([path]);
  }

  #isContainer(folder: string, name: string): boolean {
    const id = containerOf(name);
    if (id === undefined) return false;
    this.#disregarded.delete(`${folder}/${name}`);
    this.#folders.add(folder);
    this.#ears?.changed(id);
    return true;
  }

  /** A folder that is gone, or another one by now, with all in it. */
  #leave(folder: string): void {
    if (!this.#watchers.has(folder)) return;
    for (const [one, watcher] of this.#watchers) {
      if (one !== folder && !one.startsWith(`${folder}/`)) continue;
      watcher.close();
      this.#watchers.delete(one);
      if (!isUsual(one)) this.#folders.delete(one);
    }
  }
}

/** What the kernel says of one that is not there, or not any more. */
const noFolder: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENODEV']);

const isUsual = (folder: string): boolean => usual.some((one) => one === folder);

/** The id in the name of a container's group. */
function containerOf(group: string): string | undefined {
  const [, bare, scoped] = groupOf.exec(group) ?? [];
  return bare ?? scoped;
}

/** As much as the lines of {@link mostProcesses} need: the kernel looks for no more of them than are read. */
function readBeginning(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(256);
    return buffer.toString('latin1', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}
