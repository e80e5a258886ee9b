/** The unit of examples/, and what of it a process gets here without systemd. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const text = readFileSync(join(import.meta.dirname, '../../examples/sluice.service'), 'utf8');

/** The settings of its service: every key once, but commands. */
export const settings: ReadonlyMap<string, string> = new Map(
  text
    .slice(text.indexOf('[Service]'), text.indexOf('[Install]'))
    .split('\n')
    .flatMap((line) => {
      const [, key = '', value = ''] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value] as const];
    }),
);

/** What systemd does with a service's life; not with what it may do. */
const life = ['Type', 'ExecStartPre', 'ExecStart', 'ExecReload', 'Restart', 'RestartForceExitStatus', 'RestartSec'];
const mounts: Readonly<Record<string, (value: string) => readonly string[]>> = {
  ProtectSystem: () => [
    'mount --bind /run/sluice /run/sluice',
    'mount --bind /var/lib/sluice /var/lib/sluice',
    'mount -o remount,bind,ro /',
    'if touch /etc/probe 2>/dev/null; then exit 9; fi',
    'touch /var/lib/sluice/probe && rm /var/lib/sluice/probe',
  ],
  StateDirectory: (name) => [`mkdir -p -m 700 /var/lib/${name}`],
  RuntimeDirectory: (name) => [`mkdir -p -m 700 /run/${name}`],
  StateDirectoryMode: () => [],
  RuntimeDirectoryMode: () => [],
  ProtectKernelTunables: () => [
    'mount --bind /proc/sys /proc/sys',
    'mount -o remount,bind,ro /proc/sys',
    'if sh -c "echo 1 > /proc/sys/net/ipv4/ip_forward" 2>/dev/null; then exit 9; fi',
  ],
  PrivateTmp: () => ['mount -t tmpfs tmpfs /tmp'],
  UMask: (mask) => [`umask ${mask}`],
};
/** Directories have to be there before everything else is read-only. */
const order = ['StateDirectory', 'RuntimeDirectory', 'PrivateTmp', 'ProtectKernelTunables', 'ProtectSystem', 'UMask'];

export const boundingSet = (settings.get('CapabilityBoundingSet') ?? '').split(' ');

/**
 * A command that runs another one as the unit would, but with these capabilities. Throws for a setting of the unit that it
 * does not know: what is not tried is not promised.
 */
export function asUnit(capabilities: readonly string[] = boundingSet): readonly string[] {
  for (const key of settings.keys())
    if (![...life, ...Object.keys(mounts), 'CapabilityBoundingSet', 'NoNewPrivileges'].includes(key))
      throw new Error(`nobody has tried ${key}=`);
  const steps = order.flatMap((key) => {
    const value = settings.get(key);
    return value === undefined ? [] : (mounts[key]?.(value) ?? []);
  });
  const names = capabilities.map((name) => `,+${name.replace('CAP_', '').toLowerCase()}`).join('');
  const own = settings.get('NoNewPrivileges') === 'yes' ? ['--no-new-privs'] : [];
  const mounted = [
    'unshare',
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-ec',
    [...steps, 'exec "$@"'].join('\n'),
    'unit',
  ];
  return [...mounted, 'setpriv', `--bounding-set=-all${names}`, '--inh-caps=-all', ...own];
}
