import { readlinkSync } from 'node:fs';

/**
 * Whether a process is in a user namespace other than ours (user_namespaces(7), /proc/PID/ns/user): whatever capability it
 * has there counts for nothing of the host's.
 *
 * @returns false, too, for one that is gone or that we may not look at
 */
export function isMapped(pid: number): boolean {
  const [own, other] = [namespaceOf('self'), namespaceOf(pid)];
  return own !== null && other !== null && own !== other;
}

function namespaceOf(process: number | 'self'): string | null {
  try {
    return readlinkSync(`/proc/${process}/ns/user`);
  } catch {
    return null;
  }
}
