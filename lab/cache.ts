/** The lab's cache outside the checkout, and locks that a killed owner cannot leave behind. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ended } from './exec.ts';

/** The cache's folder: $SLUICE_LAB_CACHE, else /var/cache/sluice-lab. Made when absent. */
export function cacheDir(...parts: string[]): string {
  const dir = join(process.env['SLUICE_LAB_CACHE'] || '/var/cache/sluice-lab', ...parts);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/**
 * Holds the lock `name` while `work` runs; waits up to 20 minutes for whoever holds it. The lock is flock(2) on a file description that
 * only this process keeps open, so the kernel lets it go when we die, however we die.
 */
export async function locked<T>(name: string, work: () => Promise<T>): Promise<T> {
  const file = await open(join(cacheDir('locks'), name), 'w');
  try {
    const child = spawn('flock', ['-x', '-w', '1200', '3'], { stdio: ['ignore', 'ignore', 'inherit', file.fd] });
    if ((await ended(child)) !== 0) throw new Error(`cannot lock ${name} in ${cacheDir('locks')}`);
    return await work();
  } finally {
    await file.close();
  }
}

/** `pid.starttime` of a process, naming it even after its number is used again; undefined when it is gone. */
export function processTag(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Field 22, counted after the command's closing parenthesis, which may itself hold spaces.
    return `${pid}.${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}

/** Whether the process that made `tag` (see processTag) still lives. */
export function isAlive(tag: string): boolean {
  return processTag(Number.parseInt(tag, 10)) === tag;
}

/** This process's own tag. */
export function ownTag(): string {
  const tag = processTag(process.pid);
  if (tag === undefined) throw new Error('/proc is not mounted');
  return tag;
}
