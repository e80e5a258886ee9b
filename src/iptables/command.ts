import { spawn } from 'node:child_process';

/** How a command answered. `signal`: it crashed or was killed, which is never "nothing there". */
export interface Answer {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the commands; null when it is not on this host. The real one is {@link hostCommand}. */
export type RunCommand = (program: string, args: readonly string[], input?: string) => Promise<Answer | null>;

export class XtablesError extends Error {
  override readonly name = 'XtablesError';
}

/** Milliseconds: rules for a thousand workloads take iptables some seconds, on a busy machine many. */
const slowest = 180_000;

/** Commands of the host, from PATH, with English words and a clock in UTC: what they print is read back. */
export const hostCommand: RunCommand = commandSpawner(() => () => {});

/**
 * The same, for whoever wants to know their processes.
 *
 * @param onSpawn gets the process id, and gives what to call when the process has ended
 */
export function commandSpawner(onSpawn: (pid: number) => () => void): RunCommand {
  return (program, args, input = '') => runCommand(program, args, input, onSpawn);
}

function runCommand(
  program: string,
  args: readonly string[],
  input: string,
  onSpawn: (pid: number) => () => void,
): Promise<Answer | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: 'pipe',
      timeout: slowest,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(null);
      else reject(new XtablesError(`${program} could not be run: ${error.message}`));
    });
    // without descriptors to spare it has no streams, and the error comes with the next tick
    if ((child.stdout as typeof child.stdout | undefined) === undefined) return;
    const onEnd = child.pid === undefined ? () => {} : onSpawn(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('close', (code, signal) => {
      onEnd();
      if (code === null && signal === null) return;
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.on('error', () => {}); // what dies early closes its input; `close` tells why
    child.stdin.end(input);
  });
}

/** Runs a command and insists on success; its output. */
export async function must(run: RunCommand, program: string, args: readonly string[], input?: string): Promise<string> {
  const answer = await run(program, args, input);
  if (answer === null) throw new XtablesError(`${program} is not installed on this host`);
  if (answer.code === 0) return answer.stdout;
  const said = answer.stderr.trim().split('\n').slice(0, 3).join(' · ');
  throw new XtablesError(
    answer.signal === null
      ? `${program} refused: ${withLine(said, input)}`
      : answer.signal === 'SIGKILL'
        ? `${program} was killed: by somebody, for want of memory, or by us after ${slowest / 60_000} minutes`
        : `${program} crashed (${answer.signal})`,
  );
}

/** The restore commands name a line of their input; whoever reads the message wants to see it. */
function withLine(said: string, input: string | undefined): string {
  const line = Number(/line:? (\d+)/.exec(said)?.[1]);
  const text = input?.split('\n')[line - 1];
  return text === undefined ? said : `${said} (${text.slice(0, 300)})`;
}
