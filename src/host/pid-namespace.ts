import type { ReadFile } from './files.ts';

/**
 * Whether a process is in the namespace of process ids that our /proc is of, as the host's own programs are. Containers
 * have one each (but for `pid: host`), and what they call their programs proves nothing.
 *
 * The line NSpid of /proc/PID/status (Linux 4.1, proc_pid_status(5)) has a number for each namespace, from that of /proc
 * inwards.
 *
 * @returns false, too, for one that is gone
 */
export function isOutsideContainers(pid: number, readFile: ReadFile): boolean {
  return /^NSpid:\t[0-9]+$/m.test(readFile(`/proc/${pid}/status`) ?? '');
}
