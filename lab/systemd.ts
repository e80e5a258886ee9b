/** systemd as the first process of namespaces inside a cell, in the cell's network: units run as they will on a server. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import type { Cell } from './cell.ts';
import { type Finished, failure, type RunOptions, until } from './exec.ts';

const units = '/etc/systemd/system';
const shipped = '/usr/lib/systemd/system';
const target = 'lab.target';

/**
 * What systemd may not reach, since it is not the cell's alone: the machine's devices, kernel keys outside the network (it
 * raises fs.nr_open and fs.file-max at its start), /sys, modules, clock. So a container manager does it
 * (systemd.io/CONTAINER_INTERFACE). /run stays the cell's.
 */
const namespaces = `
dev=/run/systemd-dev
mkdir -p $dev
mount -t tmpfs -o mode=755 dev $dev
for one in null zero full random urandom tty; do touch $dev/$one; mount --bind /dev/$one $dev/$one; done
mkdir $dev/pts $dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts $dev/pts
mount -t tmpfs shm $dev/shm
ln -s pts/ptmx $dev/ptmx
ln -s /proc/self/fd $dev/fd
touch /run/systemd-console $dev/console
mount --bind /run/systemd-console $dev/console
umount -l /dev
mount --move $dev /dev
mount -t proc -o nosuid,nodev,noexec proc /proc
mkdir -p /run/systemd-net
mount --bind /proc/sys/net /run/systemd-net
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --move /run/systemd-net /proc/sys/net
if [ -e /proc/sysrq-trigger ]; then mount --bind /dev/null /proc/sysrq-trigger; fi
umount /sys/fs/cgroup
mount -o remount,bind,ro /sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup
exec setpriv --bounding-set=-sys_module,-sys_time,-sys_boot,-syslog,-mac_admin,-mac_override,-audit_control \
  env container=lab /usr/lib/systemd/systemd --system --unit=${target} --log-target=console --show-status=no
`;

export class Systemd {
  readonly #cell: Cell;
  /** The number of systemd's process in the cell. */
  readonly #pid: string;

  private constructor(cell: Cell, pid: string) {
    this.#cell = cell;
    this.#pid = pid;
  }

  /**
   * Boots the cell's systemd into a target that holds nothing; of what systemd starts for itself only the journal runs.
   * Units, and what is to be seen below them by `bind`, are put into the cell before. It ends with the cell. Throws with
   * systemd's words when it does not come up.
   */
  static async boot(cell: Cell): Promise<Systemd> {
    maskOthers(cell);
    cell.write(`${units}/${target}`, '[Unit]\nDefaultDependencies=no\n');
    // A group of its own, of which the namespace makes the root: systemd moves what it starts below it.
    const group = '/sys/fs/cgroup/systemd';
    const enter = `mkdir -p ${group}; echo 0 > ${group}/cgroup.procs; exec unshare --cgroup --mount --propagation private --pid --fork --kill-child sh -ec "$1"`;
    const init = cell.spawn(['sh', '-ec', enter, 'sh', namespaces]);
    const log = keepLog(init);
    const pid = await until('systemd', async () => {
      if (init.exitCode !== null || init.signalCode !== null) throw new Error(`systemd ended: ${log()}`);
      const found = (await cell.run(['pgrep', '-x', 'systemd'])).stdout.trim();
      if (found === '') return undefined;
      const asked = await new Systemd(cell, found).run(['systemctl', 'is-active', target]);
      return asked.stdout.trim() === 'active' ? found : undefined;
    });
    return new Systemd(cell, pid);
  }

  /** Runs a command where the units' own run: systemd answers nobody from outside its PID namespace. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return this.#cell.run(['nsenter', '-t', this.#pid, '-m', '-p', '-C', '--', ...command], options);
  }

  /** Like run, but throws when the command ends badly. Returns its standard output. */
  async must(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const done = await this.run(command, options);
    if (done.code !== 0) throw failure(command, done);
    return done.stdout;
  }

  /** A property of a unit as systemd has it (systemctl(1), "show"). */
  async show(unit: string, property: string): Promise<string> {
    return (await this.must(['systemctl', 'show', '--value', '-p', property, unit])).trimEnd();
  }
}

function keepLog(init: ChildProcessWithoutNullStreams): () => string {
  let log = '';
  init.stdin.end();
  for (const stream of [init.stdout, init.stderr])
    stream.on('data', (data: Buffer) => {
      log = (log + data).slice(-20_000);
    });
  return () => log;
}

/** Masks what the targets of the system itself would pull in: udev, logins, kernel keys, first boots. */
function maskOthers(cell: Cell): void {
  mkdirSync(cell.path(units), { recursive: true });
  const wanting = readdirSync(cell.path(shipped)).filter((name) => name.endsWith('.target.wants'));
  const wanted = wanting.flatMap((name) => readdirSync(cell.path(`${shipped}/${name}`)));
  for (const name of new Set(wanted)) {
    if (name.includes('journald') || !/\.(service|socket|mount|automount|path|timer)$/.test(name)) continue;
    rmSync(cell.path(`${units}/${name}`), { force: true });
    symlinkSync('/dev/null', cell.path(`${units}/${name}`));
  }
}
