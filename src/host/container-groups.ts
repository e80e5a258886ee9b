import { closeSync, type FSWatcher, openSync, readdirSync, readSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';

/**
 * Where an engine puts the control groups of its containers unless it is told otherwise: `docker/ID` with cgroupfs,
 * `system.slice/docker-ID.scope` with systemd (moby 28, daemon/oci_linux.go `withCgroups` and runc's drivers). Who makes a
 * container may choose another folder for it (`--cgroup-parent`).
 */
const usual = ['docker', 'system.slice'] as const;
const groupOf = /^(?:([0-9a-f]{64})|docker-([0-9a-f]{64})\.scope)$/;
/** A container has one or two before its first instruction, and later as many as it likes: each is a question to the kernel. */
const mostProcesses = 64;
/** So many folders are watched; a host has some hundred, and whoever writes compose files may make more. */
const mostFolders = 4_096;

/** The control groups of the containers there are. Where nothing is found nothing is known, which is no error. */
export class ContainerGroups {
  readonly #root: string;
  /** Folders that have had containers' groups, from the root. */
  readonly #folders = new Set<string>(usual);
  /** The group of each container. */
  #groups: ReadonlyMap<string, string> = new Map();

  /** @param root where the host's cgroup tree is mounted */
  constructor(root = '/sys/fs/cgroup') {
    this.#root = root;
  }

  /** Engine ids (64 hex digits) of the containers that have a group now, in the usual folders or any that {@link watch} has found. */
  list(): ReadonlySet<string> {
    const groups = new Map<string, string>();
    for (const folder of this.#folders) {
      const before = groups.size;
      for (const name of unlessMissing(() => readdirSync(join(this.#root, folder))) ?? []) {
        const id = containerOf(name);
        if (id !== undefined) groups.set(id, join(this.#root, folder, name));
      }
      if (groups.size === before && !isUsual(folder)) this.#folders.delete(folder); // until it is found again
    }
    this.#groups = groups;
    return new Set(groups.keys());
  }

  /**
   * The processes in a group that was listed, as our own PID namespace numbers them; those it does not see are left out, and
   * so are those beyond the first 64.
   */
  processes(container: string): readonly number[] {
    const group = this.#groups.get(container);
    if (group === undefined) return [];
    const lines = (unlessMissing(() => readBeginning(join(group, 'cgroup.procs'))) ?? '').split('\n');
    return lines
      .slice(0, Math.min(lines.length - 1, mostProcesses)) // the last one may go on
      .map(Number)
      .filter((pid) => pid > 0);
  }

  /**
   * Tells of each container's group that comes or goes, wherever it is, by the kernel's own notice (inotify(7)). What is within
   * a container's group is its own.
   *
   * @returns ends it
   */
  watch(onChange: (container: string) => void): () => void {
    const watchers = new Map<string, FSWatcher>();
    const found = (folder: string, name: string): void => {
      const id = containerOf(name);
      if (id === undefined) return enter(join(folder, name));
      this.#folders.add(folder);
      onChange(id);
    };
    const enter = (folder: string): void => {
      if (watchers.size >= mostFolders) return;
      const watcher = unlessMissing(() =>
        watch(join(this.#root, folder), (event, name) => {
          if (event !== 'rename' || name === null) return;
          if (containerOf(name) === undefined) leave(join(folder, name));
          if (containerOf(name) !== undefined || isFolder(join(this.#root, folder, name))) found(folder, name);
        }),
      );
      if (watcher === null) return;
      watchers.set(folder, watcher);
      watcher.on('error', () => leave(folder));
      // after the watch has begun: nothing comes in between
      const entries = unlessMissing(() => readdirSync(join(this.#root, folder), { withFileTypes: true })) ?? [];
      for (const entry of entries) if (entry.isDirectory()) found(folder, entry.name);
    };
    /** A folder that is gone, or another one by now, with all in it. */
    const leave = (folder: string): void => {
      if (!watchers.has(folder)) return;
      for (const [one, watcher] of watchers) {
        if (one !== folder && !one.startsWith(`${folder}/`)) continue;
        watcher.close();
        watchers.delete(one);
        if (!isUsual(one)) this.#folders.delete(one);
      }
    };
    enter('');
    return () => {
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    };
  }
}

const isUsual = (folder: string): boolean => usual.some((one) => one === folder);

function containerOf(group: string): string | undefined {
  const [, bare, scoped] = groupOf.exec(group) ?? [];
  return bare ?? scoped;
}

/** As much as the lines of {@link mostProcesses} need: the kernel looks for no more of them than are read. */
function readBeginning(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(1_024);
    return buffer.toString('latin1', 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}

function isFolder(path: string): boolean {
  return unlessMissing(() => statSync(path))?.isDirectory() === true;
}

/** Groups come and go while they are read (ENOENT, ENODEV), and threaded ones list no processes (EOPNOTSUPP). */
function unlessMissing<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null;
    throw error;
  }
}
