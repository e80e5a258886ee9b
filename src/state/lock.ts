import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { StateError } from './part.ts';

/** sys/file.h */
const LOCK_EX_NB = 2 | 4;
const retry = 50; // ms

/**
 * Takes the state directory for ourselves: a daemon for as long as it lives, a command for as long as it changes things.
 * The kernel gives the lock back when the process ends, however it ends (flock(2)).
 *
 * @param patience milliseconds to wait for another one
 * @throws StateError when another process still has it
 */
export async function lockState(directory: string, patience: number): Promise<AsyncDisposable> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, 'lock');
  const file = await open(path, 'a+', 0o600);
  const flock = koffi.load(null).func('int flock(int, int)') as (fd: number, operation: number) => number;
  const until = performance.now() + patience;
  while (flock(file.fd, LOCK_EX_NB) !== 0) {
    if (performance.now() >= until) {
      const holder = await holderOf(file);
      await file.close();
      throw new StateError(`${directory} is in use by another sluice${holder}`);
    }
    await sleep(retry);
  }
  await nameHolder(file).catch(() => {}); // on a full disk it is ours all the same, without a name
  return { [Symbol.asyncDispose]: () => file.close() };
}

async function nameHolder(file: FileHandle): Promise<void> {
  await file.truncate();
  await file.write(`${process.pid}\n`);
}

async function holderOf(file: FileHandle): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(16), 0, 16, 0);
  const pid = buffer.toString('utf8', 0, bytesRead).trim();
  return /^[1-9][0-9]*$/.test(pid) ? ` (pid ${pid})` : '';
}
