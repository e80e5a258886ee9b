/** Running programs: always an argument vector, never a shell string; always with a time limit. */
import { type ChildProcess, spawn } from 'node:child_process';

/** What a finished program left. `code` is null when a signal ended it; `signal` then names it. */
export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Text for standard input; without it standard input is empty. */
  input?: string | Uint8Array | undefined;
  /** Milliseconds until SIGKILL; 60,000 unless told. */
  timeout?: number | undefined;
  /** Added to a small fixed environment, never to the caller's own. */
  env?: Record<string, string> | undefined;
  /** Called with each piece of standard error as it comes. */
  onStderr?: ((text: string) => void) | undefined;
}

/** The environment programs get: the caller's own would leak proxies, contexts and locales into a test. */
export const plainEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
};

/** Runs `argv` to its end. Rejects only when it cannot be started; a bad exit is in the answer. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [command, ...args] = argv;
  if (command === undefined) throw new Error('run: nothing to run');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'pipe', env: { ...plainEnv, ...options.env } });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const limit = options.timeout ?? 60_000;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
      // Pipes can stay open in a grandchild; a run must end all the same.
      setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 1000).unref();
    }, limit);
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => {
      err.push(data);
      options.onStderr?.(data.toString());
    });
    child.stdin.on('error', () => {}); // the program may end without reading
    child.stdin.end(options.input ?? '');
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const note = late ? `\n(ended after ${limit} ms)` : '';
      resolve({ code, signal, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() + note });
    });
  });
}

/** Like `run`, and throws with the program's own words when it ends badly. Returns its standard output. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const done = await run(argv, options);
  if (done.code !== 0) throw failure(argv, done);
  return done.stdout;
}

/** The error for a program that ended badly. */
export function failure(argv: readonly string[], done: Finished): Error {
  const how = done.code === null ? `ended by ${done.signal}` : `exit ${done.code}`;
  const words = `${done.stderr.trim()}\n${done.stdout.trim()}`.trim().slice(-2000);
  return new Error(`${argv.slice(0, 12).join(' ')}: ${how}\n${words}`);
}

/** Resolves to the exit code once `child` has ended, at once if it has already; null for a signal. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** Asks `probe` every `every` ms until it answers something other than undefined; throws after `limit` ms. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
  limit = 30_000,
  every = 20,
): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`);
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
