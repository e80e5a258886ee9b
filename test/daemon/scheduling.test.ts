import { execFile } from 'node:child_process';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const inside = join(import.meta.dirname, '../../src/daemon/scheduling.ts');
const script = `
const { comeFirst } = await import(${JSON.stringify(inside)});
const { readdirSync } = await import('node:fs');
const { getPriority } = await import('node:os');
const came = comeFirst();
const threads = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)));
console.log(JSON.stringify({ came, threads }));
`;

test('every thread of the daemon comes before the host’s other work', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const { came, threads } = JSON.parse(stdout) as { came: boolean; threads: number[] };
  expect(came).toBe(true);
  expect(threads.length).toBeGreaterThan(1);
  expect(new Set(threads)).toEqual(new Set([-14]));
  expect(getPriority()).not.toBe(-14);
});
