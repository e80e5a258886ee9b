import type { Facts } from '../facts.ts';
import type { Check } from '../finding.ts';
import { isAbove, type Shared, sightingOf } from '../mounts.ts';
import { hasHostsRoot } from './running.ts';

/**
 * Who can write here writes what the host's root runs or obeys: programs and libraries, their settings, root's own
 * home, what boots; the kernel's switches of which core_pattern names a program that is run as root (core(5)).
 */
const ofTheHost = [
  '/bin',
  '/boot',
  '/etc',
  '/etc/cron.d',
  '/etc/docker',
  '/etc/systemd/system',
  '/lib',
  '/lib64',
  '/proc/sys/kernel',
  '/root',
  '/sbin',
  '/usr/bin',
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/usr/sbin',
  '/var/spool/cron',
];

export const hostFiles: Check = {
  code: 'host-files',
  severity: 'critical',
  title: "A container may write the host's own files",
  why: "Root in it can change what the host's root runs and obeys, and with it everything that holds the container.",
  evidence: `a writable bind mount, or a local volume that is one, of one of ${ofTheHost.join(', ')}, the engine's data folder, or of a folder that holds one of them; not of a container whose users the engine maps`,
  find: (facts) =>
    sightingOf(facts, (shared, container) => hasHostsRoot(container, facts) && isHosts(shared, facts), {
      say: 'Mount what it needs alone, and for reading.',
      volumes: (text) => `${text} with :ro, or not at all`,
    }),
};

function isHosts({ path, writable, whole }: Shared, { engine }: Facts): boolean {
  const kept = engine?.dataFolder ?? null;
  return (
    writable &&
    [...ofTheHost, ...(kept === null ? [] : [kept])].some(
      // /proc is a mount of its own: a plain bind of what is above it does not show it
      (place) => isAbove(path, place) && (whole || !place.startsWith('/proc/') || path.startsWith('/proc')),
    )
  );
}
