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
  /** What is thrown when it is there and cannot be run; a {@link CommandError} when left out. */
  readonly failure?: new (
    message: string,
  ) => Error;
}

/** A program that runs and waits for what it is to read. */
export interface StartedCommand {
  /** It has ended, or was never started. */
  readonly ended: boolean;
  /**
   * Gives it its input, once.
   *
   * @returns null when it is not on this host
   * @throws {@link Spawning.failure} when it is there and could not be run
   */
  answer(input: string): Promise<Answer | null>;
}

/**
 * Starts a program of the host, found in PATH. Its words are English and its clock UTC whatever the operator's settings, since
 * what it prints is read back.
 */
export function startCommand(
  program: string,
  args: readonly string[],
  spawning: Omit<Spawning, 'input'>,
): StartedCommand {
  const { failure: Failure = CommandError } = spawning;
  const child = spawn(program, args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' }, stdio: 'pipe' });
  let ended = false;
  const end = new Promise<Answer | null>((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      ended = true;
      if (error.code === 'ENOENT') resolve(null);
      else reject(new Failure(`${program} could not be run: ${error.message}`));
    });
    // without descriptors to spare it has no streams, and the error comes with the next tick
    if ((child.stdout as typeof child.stdout | undefined) === undefined) return;
    const onEnd = child.pid === undefined ? undefined : spawning.onSpawn?.(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('exit', () => {
      ended = true;
    });
    child.on('close', (code, signal) => {
      onEnd?.();
      if (code === null && signal === null) return; // it was never started: `error` tells why
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.on('error', () => {}); // what dies early closes its input; `close` tells why
  });
  end.catch(() => {}); // told to whoever asks for the answer
  return {
    get ended() {
      return ended;
    },
    answer: async (input) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), spawning.slowest);
      (child.stdin as typeof child.stdin | undefined)?.end(input);
      try {
        return await end;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Starts a program, as {@link startCommand} does, gives it its input and waits for its answer. */
export function runCommand(program: string, args: readonly string[], spawning: Spawning): Promise<Answer | null> {
  return startCommand(program, args, spawning).answer(spawning.input ?? '');
}
