/**
 * Removing what labs of dead owners left. Processes, mounts and networks go with their owner (see native/cell.c); cgroup
 * folders and half-built files cannot, and neither can a process whose owner died in the instant it was started.
 */
import { readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDir, isAlive, ownTag } from './cache.ts';
import { cgroupPrefix } from './cell.ts';
import { must, run, until } from './exec.ts';

/** What is left of owners that are dead: process numbers, cgroup names, folders in the cache. */
export interface Leftovers {
  processes: number[];
  cgroups: string[];
  folders: string[];
}

/** Finds leftovers without touching them. */
export async function leftovers(): Promise<Leftovers> {
  const processes = listDir('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const owner = cellOwner(Number(name));
    return owner !== undefined && !isAlive(owner) ? [Number(name)] : [];
  });
  const cgroups = await withCgroups((at) => listDir(at).filter((name) => isDead(name, cgroupPrefix)));
  const tmp = cacheDir('tmp');
  const folders = listDir(tmp)
    .filter((name) => isDead(name, ''))
    .map((name) => join(tmp, name));
  return { processes, cgroups, folders };
}

/** Removes what dead owners left, and our own cgroups that are empty. Living owners' things are never touched. */
export async function sweep(): Promise<void> {
  const found = await leftovers();
  for (const pid of found.processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // gone by itself
    }
  }
  for (const folder of found.folders) rmSync(folder, { recursive: true, force: true });
  if (found.cgroups.length > 0) await removeCgroups(found.cgroups);
}

/** Removes cgroups by name, waiting for the last process in each to be gone. */
export async function removeCgroups(names: readonly string[]): Promise<void> {
  await withCgroups(async (at) => {
    for (const name of names) {
      await until(`cgroup ${name} empty`, () => (removeTree(join(at, name)) ? true : undefined), 5000);
    }
  });
}

/** Removes a tree of cgroups, whose files cannot be removed; false when one still holds a process. */
function removeTree(dir: string): boolean {
  for (const entry of listDir(dir, true)) if (!removeTree(join(dir, entry))) return false;
  try {
    rmdirSync(dir);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
  return true;
}

function isDead(name: string, prefix: string): boolean {
  const tag = /^(\d+\.\d+)\./.exec(name.slice(prefix.length))?.[1];
  return name.startsWith(prefix) && tag !== undefined && tag !== ownTag() && !isAlive(tag);
}

/** The tag of the owner of a cell's process, from its command line; undefined when it is something else. */
function cellOwner(pid: number): string | undefined {
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (argv[1] !== 'cell' || !argv[0]?.includes('labtool')) return undefined;
    return /(\d+\.\d+)\.\d+$/.exec(argv[4] ?? '')?.[1];
  } catch {
    return undefined;
  }
}

function listDir(dir: string, foldersOnly = false): string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !foldersOnly || entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

/** Where the machine has its cgroup v2 tree mounted (a hybrid machine has it below /sys/fs/cgroup/unified). */
function cgroupMount(): string | undefined {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.find((line) => line.includes(' - cgroup2 ') && line.split(' ')[3] === '/')?.split(' ')[4];
}

async function withCgroups<T>(work: (at: string) => T | Promise<T>): Promise<T> {
  const at = cgroupMount();
  if (at !== undefined) return await work(at);
  const own = join(cacheDir('tmp'), `${ownTag()}.cgroup`);
  await mkdir(own, { recursive: true });
  await must(['mount', '-t', 'cgroup2', 'none', own]);
  try {
    return await work(own);
  } finally {
    await run(['umount', own]);
    await rm(own, { recursive: false, force: true });
  }
}
