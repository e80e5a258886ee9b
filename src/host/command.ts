import { spawn } from 'node:child_process';

/** How a command answered. `signal`: it crashed or was killed, which is never "nothing there". */
export interface Answer {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program is there and could not be run: no descriptors, no memory, no right. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface Spawning {
  /** What it reads; nothing when left out. */
  readonly input?: string;
  /** Milliseconds, after which it is killed (SIGKILL). */
  readonly slowest: number;
  /** Gets the process id, and gives what to call when the process has ended. */
  readonly onSpawn?: (pid: number) => () => void;
}

/**
 * Runs a program of the host, found in PATH. Its words are English and its clock UTC whatever the operator's settings, since
 * what it prints is read back.
 *
 * @returns null when it is not on this host
 * @throws CommandError
 */
export function runCommand(program: string, args: readonly string[], spawning: Spawning): Promise<Answer | null> {
  const { input = '', slowest, onSpawn } = spawning;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: 'pipe',
      timeout: slowest,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(null);
      else reject(new CommandError(`${program} could not be run: ${error.message}`));
    });
    // without descriptors to spare it has no streams, and the error comes with the next tick
    if ((child.stdout as typeof child.stdout | undefined) === undefined) return;
    const onEnd = child.pid === undefined ? undefined : onSpawn?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('close', (code, signal) => {
      onEnd?.();
      if (code === null && signal === null) return; // it was never started: `error` tells why
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.on('error', () => {}); // what dies early closes its input; `close` tells why
    child.stdin.end(input);
  });
}
