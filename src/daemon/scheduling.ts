import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/**
 * Puts this process before the host's other work, with all its threads and whatever it starts from now on. A container's
 * first packets wait for the guard, and a guard that waits for a processor may come too late; it sleeps nearly always.
 *
 * Linux keeps the nice value per thread, and a new thread or process has its maker's (setpriority(2), sched(7)).
 *
 * @returns false when it may not (CAP_SYS_NICE)
 */
export function comeFirst(): boolean {
  try {
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), constants.priority.PRIORITY_HIGH);
    return true;
  } catch {
    return false;
  }
}
