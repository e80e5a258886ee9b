import { type Answer, CommandError, runCommand, type Spawning } from '../host/command.ts';

/** Runs nft; the real one is {@link nftCommand}. */
export type RunNft = (args: readonly string[], input?: string) => Promise<Answer>;

export class NftError extends Error {
  override readonly name = 'NftError';
}

/** There is no nft on this host. */
export class NftMissingError extends NftError {}

/** Milliseconds: a policy of nearly a million elements took 50 s on a busy machine of two cores. */
const slowest = 180_000;

/**
 * The nft of the host.
 *
 * @throws NftError when there is no nft, and what {@link mustNft} says of one that does not come back within three minutes
 */
export const nftCommand: RunNft = nftSpawner(() => () => {});

/** The same, for whoever wants to know its processes. */
export function nftSpawner(onSpawn: NonNullable<Spawning['onSpawn']>): RunNft {
  return async (args, input = '') => {
    const answer = await runCommand('nft', args, { input, slowest, onSpawn }).catch((error: unknown) => {
      throw error instanceof CommandError ? new NftError(error.message) : error;
    });
    if (answer === null) throw new NftMissingError('nft is not installed on this host: apt-get install nftables');
    return answer;
  };
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
export function isAbsent(answer: Answer): boolean {
  return answer.code === 1 && answer.stderr.includes('No such file or directory');
}

function firstLines(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' · ');
}
