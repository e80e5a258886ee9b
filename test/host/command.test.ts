import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CommandError, runCommand } from '../../src/host/command.ts';
import { HostRulesError, runLister } from '../../src/host/rules.ts';
import { hostCommand, XtablesError } from '../../src/iptables/command.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  writeFileSync(join(folder, 'locked'), '#!/bin/sh\n', { mode: 0o644 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const slowest = 30_000;

test('a program that is there and cannot be run fails in the words of whoever asked for it', async () => {
  const locked = join(folder, 'locked');
  const ways = [
    [CommandError, () => runCommand(locked, [], { slowest })],
    [XtablesError, () => hostCommand(locked, [])],
    [HostRulesError, () => runLister(locked, [])],
  ] as const;
  for (const [kind, run] of ways) {
    const error = await run().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(String(error)).toMatch(/locked could not be run: .*EACCES/);
  }
});

test('one that is not there is no failure', async () => {
  expect(await runCommand(join(folder, 'none'), [], { slowest })).toBe(null);
});

test('control: one that is there gets its input and answers', async () => {
  expect(await hostCommand('cat', [], 'heard')).toEqual({ code: 0, signal: null, stdout: 'heard', stderr: '' });
});
