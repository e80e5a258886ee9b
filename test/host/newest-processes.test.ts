import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { containersOf, newestProcesses } from '../../src/host/newest-processes.ts';

const [one, two] = ['a'.repeat(64), 'b'.repeat(64)];

function procWith(last: number, groups: Readonly<Record<number, string>>): string {
  const proc = mkdtempSync(join(tmpdir(), 'sluice-proc-'));
  writeFileSync(join(proc, 'loadavg'), `0.00 0.01 0.05 1/80 ${last}\n`);
  for (const [pid, group] of Object.entries(groups)) {
    mkdirSync(join(proc, pid));
    writeFileSync(join(proc, pid, 'cgroup'), `0::${group}\n`);
  }
  return proc;
}

test('the newest processes come first, also when numbers have begun anew', () => {
  const proc = procWith(20, { 7: '/', 20: '/', 4_000_000: '/', 3_999_999: '/' });
  expect(newestProcesses(3, proc)).toEqual([20, 7, 4_000_000]);
  rmSync(proc, { recursive: true });
});

test.each([
  [`/docker/${one}`, [one]],
  [`/system.slice/docker-${one}.scope`, [one]],
  [`/docker/${one}/inner`, [one]],
  [`/docker/${one}/docker/${two}`, [one, two]],
  ['/docker/buildkit/x', []],
  [`/system.slice/libpod-${one}.scope`, []],
])('a process in %s is of its containers', (group, containers) => {
  const proc = procWith(5, { 5: group });
  expect([containersOf(5, proc), containersOf(6, proc)]).toEqual([containers, []]);
  rmSync(proc, { recursive: true });
});
