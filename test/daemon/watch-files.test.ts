import { mkdirSync, mkdtempSync, renameSync, rmSync, watch as startWatch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FileWatch } from '../../src/daemon/watch-files.ts';

let folder: string;
let watch: FileWatch;
let heard: number;
/** Directories that were told of as not watched. */
let refused: string[];
/** The kernel has no room for another watch. */
let full: boolean;

/** As the daemon does: after each callback it says again what to watch. */
function follow(): void {
  watch.set([join(folder, 'sluice/policy.yaml'), join(folder, 'app/compose.yaml')], [join(folder, 'sluice/policy.d')]);
}

/** What is done is heard of, and after that nothing more. */
async function isHeard(work: () => void): Promise<void> {
  const before = heard;
  work();
  await vi.waitFor(() => expect(heard).toBeGreaterThan(before), { timeout: 20_000 });
  let now = -1;
  while (now !== heard) {
    now = heard;
    await sleep(700);
  }
}

const write = (path: string, text: string) => writeFileSync(join(folder, path), text);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-watch-'));
  for (const name of ['sluice', 'app']) mkdirSync(join(folder, name));
  heard = 0;
  refused = [];
  full = false;
  const start = ((at: string, hear: () => void) => {
    if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    return startWatch(at, hear);
  }) as typeof startWatch;
  watch = new FileWatch(
    () => {
      heard++;
      follow();
    },
    (at, reason) => void refused.push(`${reason} ${at.slice(folder.length)}`),
    start,
  );
  follow();
});
afterEach(() => {
  watch.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a file that is written, replaced or removed is heard of, another in its directory is not', async () => {
  await isHeard(() => write('sluice/policy.yaml', 'version: 1'));
  await isHeard(() => {
    write('sluice/new', 'version: 1');
    renameSync(join(folder, 'sluice/new'), join(folder, 'sluice/policy.yaml'));
  });
  await isHeard(() => rmSync(join(folder, 'sluice/policy.yaml')));
  const before = heard;
  write('sluice/other', '');
  write('app/other', '');
  await sleep(1_000);
  expect(heard).toBe(before);
});

test('a directory of which every file counts is heard of when it is made, and what is written to it', async () => {
  await isHeard(() => {
    mkdirSync(join(folder, 'sluice/policy.d'));
    write('sluice/policy.d/10-first.yaml', '');
  });
  await isHeard(() => write('sluice/policy.d/20-second.yaml', ''));
});

test('a directory that another one replaces is heard of, and what is written to the new one', async () => {
  mkdirSync(join(folder, 'sluice/policy.d'));
  follow();
  await isHeard(() => {
    rmSync(join(folder, 'sluice/policy.d'), { recursive: true });
    mkdirSync(join(folder, 'sluice/policy.d'));
    write('sluice/policy.d/10-first.yaml', '');
  });
  await isHeard(() => write('sluice/policy.d/10-first.yaml', 'more'));
  await isHeard(() => {
    mkdirSync(join(folder, 'made'));
    writeFileSync(join(folder, 'made/policy.yaml'), '');
    renameSync(join(folder, 'sluice'), join(folder, 'old'));
    renameSync(join(folder, 'made'), join(folder, 'sluice'));
  });
  await isHeard(() => write('sluice/policy.yaml', 'version: 1'));
});

test('what the kernel has no room to watch is told once, and looked at', { timeout: 40_000 }, async () => {
  watch.stop();
  full = true;
  follow();
  expect(refused).toEqual(expect.arrayContaining(['ENOSPC /sluice', 'ENOSPC /app']));
  const told = refused.length;
  await isHeard(() => write('app/compose.yaml', 'services: {}'));
  await isHeard(() => write('sluice/policy.yaml', 'version: 1'));
  expect(refused).toHaveLength(told);
  full = false;
  await sleep(6_000);
  await isHeard(() => write('sluice/policy.yaml', 'version: 1 # watched again'));
});

test('a file is heard of whose folder was missing with the one above', { timeout: 40_000 }, async () => {
  watch.set([join(folder, 'made/later/app/compose.yaml')], []);
  await isHeard(() => {
    mkdirSync(join(folder, 'made/later/app'), { recursive: true });
    write('made/later/app/compose.yaml', 'services: {}');
  });
});
