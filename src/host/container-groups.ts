import { type FSWatcher, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';

/**
 * Where an engine puts the control groups of its containers unless it is told otherwise: `docker/ID` with cgroupfs,
 * `system.slice/docker-ID.scope` with systemd (moby 28, daemon/oci_linux.go `withCgroups` and runc's drivers).
 */
const folders = ['docker', 'system.slice'] as const;
const groupOf = /^(?:([0-9a-f]{64})|docker-([0-9a-f]{64})\.scope)$/;

/** The control groups (version 2) of the containers there are. Where nothing is found nothing is known, which is no error. */
export class ContainerGroups {
  readonly #root: string;
  /** Folders by container. */
  #groups: ReadonlyMap<string, string> = new Map();

  /** @param root where the host's cgroup tree is mounted */
  constructor(root = '/sys/fs/cgroup') {
    this.#root = root;
  }

  /** Engine ids (64 hex digits) of the containers that have a group now. */
  list(): ReadonlySet<string> {
    this.#groups = new Map(
      folders.flatMap((folder) =>
        (unlessMissing(() => readdirSync(join(this.#root, folder))) ?? []).flatMap((name): [string, string][] => {
          const id = containerOf(name);
          return id === undefined ? [] : [[id, join(this.#root, folder, name)]];
        }),
      ),
    );
    return new Set(this.#groups.keys());
  }

  /** The processes in a group that was listed, as our own PID namespace numbers them; those it does not see are left out. */
  processes(container: string): readonly number[] {
    const group = this.#groups.get(container);
    if (group === undefined) return [];
    const text = unlessMissing(() => readFileSync(join(group, 'cgroup.procs'), 'latin1')) ?? '';
    return text
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0);
  }
}

/**
 * Tells of each container's group that comes or goes, by the kernel's own notice (inotify(7)). A folder that is not there yet is
 * waited for: engines with cgroupfs make theirs with their first container.
 *
 * @returns ends it
 */
export function watchContainerGroups(onChange: (container: string) => void, root = '/sys/fs/cgroup'): () => void {
  const watchers = new Map<string, FSWatcher>();
  const begin = (folder: string): void => {
    if (watchers.has(folder)) return;
    const watcher = unlessMissing(() =>
      watch(join(root, folder), (_event, name) => {
        const id = containerOf(name ?? '');
        if (id !== undefined) onChange(id);
      }),
    );
    if (watcher === null) return;
    watchers.set(folder, watcher);
    watcher.on('error', () => watchers.delete(folder));
    for (const name of unlessMissing(() => readdirSync(join(root, folder))) ?? []) {
      const id = containerOf(name);
      if (id !== undefined) onChange(id);
    }
  };
  for (const folder of folders) begin(folder);
  const above = unlessMissing(() =>
    watch(root, (_event, name) => {
      const folder = folders.find((one) => one === name);
      if (folder === undefined) return;
      watchers.get(folder)?.close(); // another folder of that name
      watchers.delete(folder);
      begin(folder);
    }),
  );
  above?.on('error', () => {});
  return () => {
    above?.close();
    for (const watcher of watchers.values()) watcher.close();
  };
}

function containerOf(group: string): string | undefined {
  const [, bare, scoped] = groupOf.exec(group) ?? [];
  return bare ?? scoped;
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
