import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { cacheDir } from '../../lab/cache.ts';
import { ended, until } from '../../lab/exec.ts';
import { openSite } from '../../lab/site.ts';
import { leftovers, sweep } from '../../lab/sweep.ts';

/** Network namespaces that any process of the machine lives in. */
function networks(): Set<string> {
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      found.add(readlinkSync(`/proc/${pid}/ns/net`));
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

/** Mounts of the machine itself. */
const mounts = () => readFileSync('/proc/self/mounts', 'utf8').split('\n').sort();

test('a lab killed with SIGKILL leaves no process, network or mount, and the sweep removes the rest', {
  timeout: 300_000,
}, async () => {
  const mountsBefore = mounts();
  const lab = spawn(process.execPath, [join(import.meta.dirname, 'killed.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said: { cells: number[]; name: string } | undefined;
  for await (const line of createInterface({ input: lab.stdout })) {
    said = JSON.parse(line);
    break;
  }
  if (said === undefined) throw new Error('the lab did not start');
  const inside = said.cells.map((pid) => readlinkSync(`/proc/${pid}/ns/net`));
  for (const network of inside) expect(networks()).toContain(network);

  lab.kill('SIGKILL');
  await until('everything of the lab gone', () => {
    const living = networks();
    return inside.some((network) => living.has(network)) ? undefined : true;
  });
  expect(mounts()).toEqual(mountsBefore);
  // Folders as a killed build leaves them. (Another lab may sweep at any time, so nothing is said
  // about what is there before.)
  const owner = said.name.slice('sluice-lab.'.length);
  const folder = join(cacheDir('tmp'), `${owner}killed`);
  mkdirSync(folder);

  await sweep();
  const left = await leftovers();
  expect(left.cgroups.filter((name) => name.startsWith(said.name))).toEqual([]);
  expect(left.folders).not.toContain(folder);
  expect(readdirSync('/proc').filter((pid) => commandLine(pid).includes(said.name))).toEqual([]);
});

test("the sweep never touches a living owner's lab", { timeout: 60_000 }, async () => {
  await using site = await openSite({ engine: '28.5', stopped: true });
  const child = spawn(process.execPath, ['--input-type=module', '-e', `await (await import('${sweeper}')).sweep()`]);
  expect(await ended(child)).toBe(0);
  expect((await site.host.run(['cat', '/proc/self/cgroup'])).stdout).toContain('0::/init');
  expect(await site.host.run(['true'])).toMatchObject({ code: 0 });
});

const sweeper = join(import.meta.dirname, '../../lab/sweep.ts');

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
