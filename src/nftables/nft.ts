import { spawn } from 'node:child_process';

/** How the nft command answered. `signal`: it crashed or was killed, which is never "no rules". */
export interface NftAnswer {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs nft; the real one is {@link nftCommand}. */
export type RunNft = (args: readonly string[], input?: string) => Promise<NftAnswer>;

export class NftError extends Error {
  override readonly name = 'NftError';
}

/** There is no nft on this host. */
export class NftMissingError extends NftError {}

/** Milliseconds: a policy of nearly a million elements took 50 s on a busy machine of two cores. */
const slowest = 180_000;

/**
 * The nft of the host, from PATH. Its words are English and its clock UTC whatever the operator's settings, since
 * listings are read back.
 *
 * @throws NftError when there is no nft, and what {@link mustNft} says of one that does not come back within three minutes
 */
export const nftCommand: RunNft = nftSpawner(() => () => {});

/**
 * The same, for whoever wants to know its processes.
 *
 * @param onSpawn gets the process id, and gives what to call when the process has ended
 */
export function nftSpawner(onSpawn: (pid: number) => () => void): RunNft {
  return (args, input = '') => runNft(args, input, onSpawn);
}

function runNft(args: readonly string[], input: string, onSpawn: (pid: number) => () => void): Promise<NftAnswer> {
  return new Promise((resolve, reject) => {
    const child = spawn('nft', args, {
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: 'pipe',
      timeout: slowest,
      killSignal: 'SIGKILL',
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'ENOENT'
          ? new NftMissingError('nft is not installed on this host: apt-get install nftables')
          : new NftError(`nft could not be run: ${error.message}`),
      );
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
      resolve({ code, signal, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() });
    });
    child.stdin.on('error', () => {}); // nft that dies early closes its input; `close` tells why
    child.stdin.end(input);
  });
}

/** Runs nft and insists on success. */
export async function mustNft(run: RunNft, args: readonly string[], input?: string): Promise<string> {
  const answer = await run(args, input);
  if (answer.code === 0) return answer.stdout;
  throw new NftError(
    answer.signal === null
      ? `nft refused: ${firstLines(answer.stderr)}`
      : answer.signal === 'SIGKILL'
        ? `nft was killed: by somebody, for want of memory, or by us after ${slowest / 60_000} minutes; what stood before stands`
        : `nft crashed (${answer.signal}); is it older than the one Docker uses?`,
  );
}

/** Whether an answer says that the thing asked for does not exist. */
export function isAbsent(answer: NftAnswer): boolean {
  return answer.code === 1 && answer.stderr.includes('No such file or directory');
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' · ');
}
