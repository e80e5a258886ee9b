import { readdirSync } from 'node:fs';
import { readSmallFile } from './files.ts';
import { unlessMissing } from './unless-missing.ts';

/**
 * Process ids, the newest first: the kernel gives them in turn, from the smallest again after the largest (proc(5),
 * /proc/loadavg has the one given last).
 *
 * @param most so many of them
 */
export function newestProcesses(most: number, proc = '/proc'): readonly number[] {
  const last = Number(readText(`${proc}/loadavg`).trim().split(' ').at(-1));
  const all = (unlessMissing(() => readdirSync(proc)) ?? []).map(Number).filter((pid) => pid > 0);
  const age = (pid: number): number => (pid <= last ? last - pid : last - pid + 2 ** 22); // pid_max is no larger
  return all.toSorted((a, b) => age(a) - age(b)).slice(0, most);
}

/**
 * Engine ids of the containers in whose control groups a process is, by the names of its group and of all above it: none where
 * it is no container's.
 */
export function containersOf(pid: number, proc = '/proc'): readonly string[] {
  const ids = readText(`${proc}/${pid}/cgroup`).matchAll(/\/(?:docker-)?([0-9a-f]{64})(?:\.scope)?(?=\/|$)/gm);
  return [...new Set(Array.from(ids, ([, id]) => id as string))];
}

function readText(path: string): string {
  return unlessMissing(() => readSmallFile(path)) ?? '';
}
