import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockState } from '../../src/state/lock.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-state-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the state has one owner at a time, who is named', async () => {
  const directory = join(folder, 'state');
  {
    await using _mine = await lockState(directory, 0);
    await expect(lockState(directory, 100)).rejects.toThrow(`in use by another sluice (pid ${process.pid})`);
  }
  await using again = await lockState(directory, 0);
  expect(again).toBeDefined();
});

test('who waits gets it when it is free', async () => {
  const first = await lockState(folder, 0);
  const second = lockState(folder, 5_000);
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
});

test('what a killed process had is free', { timeout: 20_000 }, async () => {
  const path = join(import.meta.dirname, '../../src/state/lock.ts');
  const text = `const { lockState } = await import(${JSON.stringify(path)});
    await lockState(${JSON.stringify(folder)}, 0);
    process.stdout.write('mine');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await expect(lockState(folder, 0)).rejects.toThrow(`(pid ${child.pid})`);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  await using _mine = await lockState(folder, 1_000);
  expect(readFileSync(join(folder, 'lock'), 'utf8')).toBe(`${process.pid}\n`);
});
