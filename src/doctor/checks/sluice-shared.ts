import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { isAbove, type Shared, sightingOf } from '../mounts.ts';
import { hasHostsRoot } from './running.ts';

export const sluiceShared: Check = {
  code: 'sluice-shared',
  severity: 'critical',
  title: "A container has Sluice's own files",
  why: 'Who writes the policy or the state, or speaks to the daemon, decides what containers may send.',
  evidence:
    "a writable bind mount, or a local volume that is one, of the policy's folder or the state directory or what is in them; one of the control socket or its folder, writable or not; not of a container whose users the engine maps, and not what `host-files` or `engine-socket` tells of",
  find: (facts) =>
    sightingOf(facts, (shared, container) => hasHostsRoot(container, facts) && isOwn(shared, facts), {
      say: 'Take the mount away; what it shows can be had from `sluice status --json` and `sluice check --json`.',
      volumes: (text) => `without ${text}`,
    }),
};

/** Folders above Sluice's own, such as /etc and /run, are told of by others. */
function isOwn({ path, writable }: Shared, { own }: Facts): boolean {
  if (path === own.socket || path === own.socket.replace(/\/[^/]*$/, '')) return true;
  return writable && own.folders.some((folder) => isAbove(folder, path));
}
