import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const inside = join(import.meta.dirname, '../../src/daemon/scheduling.ts');
const script = `
const { comeFirst } = await import(${JSON.stringify(inside)});
const { existsSync, readFileSync, readdirSync } = await import('node:fs');
const { getPriority } = await import('node:os');
const came = comeFirst();
const threads = readdirSync('/proc/self/task').map((thread) => getPriority(Number(thread)));
const group = existsSync('/proc/self/autogroup') ? readFileSync('/proc/self/autogroup', 'utf8') : null;
console.log(JSON.stringify({ came, threads, group }));
`;

async function run(program: string, before: readonly string[]) {
  const { stdout } = await promisify(execFile)(program, [...before, '--input-type=module', '-e', script]);
  return JSON.parse(stdout) as { came: boolean; threads: number[]; group: string | null };
}

test('every thread of the daemon comes before the host’s other work', async () => {
  const { came, threads } = await run(process.execPath, []);
  expect(came).toBe(true);
  expect(threads.length).toBeGreaterThan(1);
  expect(new Set(threads)).toEqual(new Set([-14]));
  expect(getPriority()).not.toBe(-14);
});

test('so does its session, where that is its own', async () => {
  const own = await run('setsid', ['--wait', process.execPath]);
  if (own.group === null) return expect(existsSync('/proc/self/autogroup')).toBe(false); // a kernel without
  expect(own.group).toMatch(/ nice -14$/m);
  const shared = await run(process.execPath, []);
  expect(shared.group).not.toMatch(/ nice -14$/m);
});
