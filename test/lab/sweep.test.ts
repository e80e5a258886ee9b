import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { until } from '../../lab/exec.ts';
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
  expect((await leftovers()).cgroups.some((name) => name.startsWith(said.name))).toBe(true);

  await sweep();
  const left = await leftovers();
  expect(left.cgroups.filter((name) => name.startsWith(said.name))).toEqual([]);
  expect(left.processes).toEqual([]);
  expect(left.folders).toEqual([]);
});
