import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/**
 * Puts this process before the host's other work, with all its threads and whatever it starts from now on. A container's
 * first packets wait for the guard, and a guard that waits for a processor may come too late; it sleeps nearly always.
 *
 * Linux keeps the nice value per thread, and a new thread or process has its maker's (setpriority(2), sched(7)). Where it
 * groups sessions (sched(7), autogroup) that counts within one session only, and the session has a nice value of its own.
 * As a service we are a session to ourselves; a shell's is not ours to change.
 *
 * @returns false when it may not (CAP_SYS_NICE)
 */
export function comeFirst(): boolean {
  const { PRIORITY_HIGH: first } = constants.priority;
  try {
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), first);
    if (leadsSession()) raiseSession(first);
    return true;
  } catch {
    return false;
  }
}

/** Whether the session is ours: its id, the sixth word of proc(5)'s stat, is our PID. */
function leadsSession(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const words = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the second word is a name, and may have spaces
  return words[3] === String(process.pid);
}

function raiseSession(nice: number): void {
  try {
    writeFileSync('/proc/self/autogroup', String(nice));
  } catch {
    // a kernel without them, or one that was asked too often (EAGAIN)
  }
}
